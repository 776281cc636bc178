//! A password that is never printed.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Deserializer, de::Error as _};

/// A password or a private key. `Debug` and `Display` print a placeholder, and no error contains it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<str>);

impl Secret {
    /// Wraps a secret.
    pub fn new(secret: impl Into<Arc<str>>) -> Self {
        Self(secret.into())
    }

    /// Returns the secret itself. Keep it out of logs.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Secret {
    fn from(secret: &str) -> Self {
        Self::new(secret)
    }
}

impl From<String> for Secret {
    fn from(secret: String) -> Self {
        Self::new(secret)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<redacted>")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<redacted>")
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // The error of the format would quote a password that looks like a number.
        String::deserialize(deserializer).map(Self::from).map_err(|_| D::Error::custom("expected text, in quotes"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_printed() {
        let secret = Secret::from("swordfish");
        assert!(!format!("{secret:?} {secret} {:#?}", Some(&secret)).contains("sword"));
        assert_eq!(secret.expose(), "swordfish");
    }

    #[test]
    fn read_from_text() {
        let secret: Secret = serde_json::from_str("\"swordfish\"").unwrap();
        assert_eq!(secret.expose(), "swordfish");
        for other in ["48151", "48.151", "[48151]", r#"{ "48151": 1 }"#] {
            let error = serde_json::from_str::<Secret>(other).unwrap_err().to_string();
            assert!(error.contains("expected text, in quotes") && !error.contains("48"), "{error}");
        }
    }
}
