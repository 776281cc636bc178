//! Readers of replies, for both protocol versions.

use std::collections::BTreeMap;

use redis::Value;

/// Values by name.
pub(super) type Table = BTreeMap<String, String>;

/// The text of a reply. The conversion is lossy, because the text is only shown or compared.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::BulkString(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => Some(text.clone()),
        Value::Int(number) => Some(number.to_string()),
        Value::Okay => Some("OK".to_owned()),
        _ => None,
    }
}

/// The names and values of a map. The older protocol sends it as a flat list.
pub(super) fn pairs(value: &Value) -> Vec<(String, &Value)> {
    match value {
        Value::Map(pairs) => pairs.iter().filter_map(|(name, value)| Some((text(name)?, value))).collect(),
        Value::Array(flat) => flat.chunks_exact(2).filter_map(|pair| Some((text(&pair[0])?, &pair[1]))).collect(),
        _ => Vec::new(),
    }
}

/// The entries of a map whose values are texts; the others are left out.
pub(super) fn table(value: &Value) -> Table {
    pairs(value).into_iter().filter_map(|(name, value)| Some((name, text(value)?))).collect()
}

/// The elements of a list or set.
pub(super) fn items(value: &Value) -> &[Value] {
    match value {
        Value::Array(items) | Value::Set(items) => items,
        _ => &[],
    }
}

/// The `name:value` lines of INFO and CLUSTER INFO.
pub(super) fn lines(value: &Value) -> Table {
    let text = text(value).unwrap_or_default();
    let pairs = text.lines().filter_map(|line| line.trim_end().split_once(':'));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_of_both_protocols() {
        for reply in ["%1\r\n$1\r\na\r\n$1\r\nb\r\n", "*2\r\n$1\r\na\r\n$1\r\nb\r\n"] {
            let value = redis::parse_redis_value(reply.as_bytes()).unwrap();
            assert_eq!(table(&value), Table::from([("a".to_owned(), "b".to_owned())]));
        }
    }

    #[test]
    fn sections_are_left_out() {
        let value = Value::BulkString(b"# Server\r\nredis_version:7.0.15\r\n\r\nos:Linux a:b\r\n".to_vec());
        let lines = lines(&value);
        assert_eq!((lines.len(), lines["os"].as_str()), (2, "Linux a:b"));
    }
}
