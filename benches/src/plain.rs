//! Plain redis-rs, configured as the store configures its own connections.

use redis::{
    AsyncConnectionConfig, Client, ConnectionInfo, IntoConnectionInfo, ProtocolVersion, aio::MultiplexedConnection,
    io::tcp::TcpSettings,
};
use session_testkit::Server;

/// RESP3 over loopback TCP, without Nagle's delay.
///
/// # Panics
/// If the server has no address.
pub(crate) fn client(server: &Server) -> Client {
    let info: ConnectionInfo = server.url().into_connection_info().expect("an address");
    let redis = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
    let info = info.set_tcp_settings(TcpSettings::default().set_nodelay(true)).set_redis_settings(redis);
    Client::open(info).expect("a client")
}

/// One multiplexed connection, without a timeout for each reply.
///
/// # Panics
/// If the server cannot be reached.
pub(crate) async fn connect(server: &Server) -> MultiplexedConnection {
    let config = AsyncConnectionConfig::new().set_response_timeout(None);
    client(server).get_multiplexed_async_connection_with_config(&config).await.expect("a connection")
}
