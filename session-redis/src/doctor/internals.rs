//! Everything that the doctor uses of the store's own code. The other files here import it from this list only.

pub(super) use crate::{
    RedisConfig, Topology,
    layout::{Layout, VERSION as LAYOUT_VERSION},
    net::{
        Address, CheckedConfig, Dialer, Failure, OLDEST_REDIS, OLDEST_VALKEY, PrimaryReport, Version, choose,
        read_version,
    },
    permissions::commands as needed_commands,
    tags::slot_of_key,
};
