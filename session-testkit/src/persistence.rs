//! Persistence of a server.

/// How a server keeps its data on disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Persistence {
    /// No persistence: a restart starts empty.
    #[default]
    None,
    /// Snapshots, written on `SAVE`, `BGSAVE` and an orderly shutdown.
    Rdb,
    /// An append-only file synced once a second: if the process is killed, writes buffered by the system survive.
    AofEverysec,
    /// An append-only file synced before every reply.
    AofAlways,
}

impl Persistence {
    pub(crate) fn directives(self) -> &'static str {
        match self {
            Self::None => "save \"\"\nappendonly no\n",
            // A shutdown only writes a snapshot if one is configured; this schedule never triggers.
            Self::Rdb => "save 86400 1000000\nappendonly no\n",
            Self::AofEverysec => "save \"\"\nappendonly yes\nappendfsync everysec\n",
            Self::AofAlways => "save \"\"\nappendonly yes\nappendfsync always\n",
        }
    }
}
