//! A process that forks copies its memory. Parent and child must not generate the same identities afterwards: a store
//! takes the second of two updates with one op id for a repeat, answers Ok, and drops it. A machine image that is resumed
//! twice copies memory in the same way.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

#[cfg(unix)]
fn main() {
    use std::io::{Read as _, Write as _};

    use fork::{Fork, fork, waitpid};

    // Whatever is fetched ahead of its use is in memory now.
    identities();
    let (mut reader, mut writer) = std::io::pipe().unwrap();
    match fork().unwrap() {
        Fork::Child => {
            writer.write_all(identities().as_bytes()).unwrap();
        }
        Fork::Parent(child) => {
            drop(writer);
            let mut of_child = String::new();
            reader.read_to_string(&mut of_child).unwrap();
            waitpid(child).unwrap();
            let of_parent = identities();
            assert_eq!(of_child.lines().count(), of_parent.lines().count());
            for (parent, child) in of_parent.lines().zip(of_child.lines()) {
                assert_ne!(parent, child, "parent and child generated the same identity");
            }
            println!("parent and child generated different identities");
        }
    }
}

#[cfg(not(unix))]
fn main() {}

/// One identity of each kind, a line each.
#[cfg(unix)]
fn identities() -> String {
    use session_core::{
        SessionId,
        model::{Incarnation, OpId},
        store::{NewSession, Origin},
    };

    let new = NewSession::generate(session_core::Expiry::default()).unwrap();
    let numbers = [
        u64::from(OpId::generate().unwrap()),
        u64::from(new.write.op),
        u64::from(new.incarnation),
        u64::from(Incarnation::generate().unwrap()),
        u64::from(Origin::generate().unwrap()),
    ];
    let numbers = numbers.iter().map(|number| format!("{number:016x}\n"));
    numbers.chain([SessionId::generate().unwrap().expose()]).collect()
}
