//! What survives a server's end.

/// How a server keeps its data on disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Persistence {
    /// Not at all: a restart starts empty.
    #[default]
    None,
    /// Snapshots, written on `SAVE`, `BGSAVE` and an orderly shutdown.
    Rdb,
    /// An append-only file synced once a second: a kill of the process keeps what the system has buffered.
    AofEverysec,
    /// An append-only file synced before every reply.
    AofAlways,
}

impl Persistence {
    pub(crate) fn directives(self) -> &'static str {
        match self {
            Self::None => "save \"\"\nappendonly no\n",
            // A snapshot must be configured for a shutdown to write one; this one never comes by itself.
            Self::Rdb => "save 86400 1000000\nappendonly no\n",
            Self::AofEverysec => "save \"\"\nappendonly yes\nappendfsync everysec\n",
            Self::AofAlways => "save \"\"\nappendonly yes\nappendfsync always\n",
        }
    }
}
