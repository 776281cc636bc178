//! The data on a server must be consistent.

use session_testkit::{Reply, Server};

fn bytes(reply: &Reply) -> Option<Vec<u8>> {
    match reply {
        Reply::Bulk(bytes) => Some(bytes.clone()),
        _ => None,
    }
}

fn number(bytes: &[u8]) -> i64 {
    bytes.iter().fold(0, |number, byte| number << 8 | i64::from(*byte))
}

async fn keys(server: &Server, pattern: &str) -> Vec<Vec<u8>> {
    server.command(&["KEYS", pattern]).await.items().iter().filter_map(bytes).collect()
}

/// Checks counters and deadlines, that each signed-in session is listed for as long as it lives, and that lists agree with
/// their orders.
pub(crate) async fn check(server: &Server) -> Result<(), String> {
    let lists = keys(server, "*}:p:*").await;
    for list in &lists {
        ordered(server, list).await?;
    }
    for key in keys(server, "*}:s:*").await {
        let end = server.command(&[b"PEXPIRETIME".as_slice(), &key]).await.int();
        let hash = server.command(&[b"HGETALL".as_slice(), &key]).await;
        let fields: Vec<Vec<u8>> = hash.items().iter().filter_map(bytes).collect();
        let field = |name: &[u8]| fields.chunks(2).find(|pair| pair[0] == name).map(|pair| &pair[1][..]);
        let Some(state) = field(b"@") else {
            // It has expired since.
            continue;
        };
        if state.starts_with(b"\x01S") {
            if field(b"@f").is_some_and(|left| left.len() > 7 + 3 * 18 || left.len() % 18 != 7 || left.len() == 7) {
                return Err("the ids that a session has left cannot be read".to_owned());
            }
            session(&fields, state, field(b"@c").ok_or("no @c")?, end)?;
            if field(b"@p").is_some() {
                listed(server, &lists, &key[key.len() - 18..], end).await?;
            }
        } else {
            // A tombstone keeps the ids that its session had left.
            let kept = 2 * usize::from(state.starts_with(b"\x01T") && field(b"@f").is_some());
            if fields.len() != 2 + kept {
                return Err("something is left beside a tombstone or forward".to_owned());
            }
        }
    }
    Ok(())
}

fn session(fields: &[Vec<u8>], state: &[u8], constants: &[u8], end: i64) -> Result<(), String> {
    let (mut entries, mut size) = (0, 0);
    for pair in fields.chunks(2) {
        match pair[0][0] {
            b'=' => size += pair[0].len() - 1 + pair[1].len(),
            b':' => size += pair[0].len() - 2 + pair[1].len(),
            _ => continue,
        }
        entries += 1;
    }
    let (idle, counted) = (number(&state[34..41]), (number(&state[41..45]), number(&state[45..50])));
    if counted != (entries, size as i64) {
        return Err(format!("counted {counted:?}, there are {entries} entries of {size} bytes"));
    }
    let absolute = number(&constants[14..21]);
    if end != idle.min(absolute) {
        return Err(format!("the key ends at {end}, the session at {idle} or {absolute}"));
    }
    Ok(())
}

/// The order of a list has the same digests by their places, and is kept for as long.
async fn ordered(server: &Server, list: &[u8]) -> Result<(), String> {
    let mut order = list.to_vec();
    let kind = order.len() - 18;
    order[kind] = b'o';
    let entries = server.command(&[b"HGETALL".as_slice(), list]).await;
    let entries: Vec<Vec<u8>> = entries.items().iter().filter_map(bytes).collect();
    for entry in entries.chunks(2) {
        let place = server.command(&[b"ZSCORE".as_slice(), &order, &entry[0]]).await;
        if bytes(&place).is_none_or(|place| place != number(&entry[1][14..21]).to_string().as_bytes()) {
            return Err(format!("an entry is not at its place, but at {place:?}"));
        }
    }
    if server.command(&[b"ZCARD".as_slice(), &order]).await.int() != entries.len() as i64 / 2 {
        return Err("the order has entries that the list does not have".to_owned());
    }
    let [end, kept] = [list, &order].map(|key| [b"PEXPIRETIME".as_slice(), key]);
    let (end, kept) = (server.command(&end).await.int(), server.command(&kept).await.int());
    if end != kept { Err(format!("the list is kept until {end}, its order until {kept}")) } else { Ok(()) }
}

async fn listed(server: &Server, lists: &[Vec<u8>], digest: &[u8], end: i64) -> Result<(), String> {
    for list in lists {
        let entry = server.command(&[b"HGET".as_slice(), list, digest]).await;
        let Some(entry) = bytes(&entry) else { continue };
        let until = number(&entry[..7]);
        let forgotten = server.command(&[b"PEXPIRETIME".as_slice(), list]).await.int();
        if until < end || forgotten < end {
            return Err(format!("listed until {until} and {forgotten}, but it lives until {end}"));
        }
        return Ok(());
    }
    Err("a session of a principal is not listed".to_owned())
}
