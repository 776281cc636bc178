//! Opens connections, and tells permanent failures from temporary ones.

use std::time::Duration;
#[cfg(feature = "tls")]
use std::{error::Error as StdError, io, sync::Arc};

use redis::{
    AsyncConnectionConfig, Client, ConnectionInfo, ErrorKind as RedisErrorKind, RedisError, Value,
    aio::{AsyncPushSender, MultiplexedConnection},
};
use tokio::time::timeout;

use super::{
    Address, Cause, Failure, failure::unknown_command_message, login::Login, reply::text, runtime::check_runtime,
    server_version::is_too_old, unknown_command::unknown_command,
};

/// Opens connections to servers of one kind.
pub(crate) struct Dialer {
    login: Login,
    deadline: Duration,
    queue: usize,
    mode: &'static str,
}

impl Dialer {
    /// `mode` is the mode that the servers must report: `standalone`, `cluster` or `sentinel`.
    pub(crate) fn new(login: Login, deadline: Duration, queue: usize, mode: &'static str) -> Self {
        Self { login, deadline, queue, mode }
    }

    /// A connection to a server, authenticated, with the database selected, in RESP3.
    ///
    /// # Errors
    /// [`Failure::Fatal`] or [`Failure::Unsent`].
    pub(crate) async fn dial<P: AsyncPushSender>(
        &self,
        address: &Address,
        push_receiver: Option<P>,
    ) -> Result<(MultiplexedConnection, Hello), Failure> {
        check_runtime()?;
        let info = timeout(self.deadline, self.login.for_connection(address)).await.map_err(|_| {
            Failure::Unsent(Cause::new("the provider of credentials did not answer within `connect_deadline`"))
        })??;
        match timeout(self.deadline, self.connect(address, info, push_receiver)).await {
            Ok(outcome) => outcome,
            Err(_) => {
                let hint = if self.login.has_tls() { "; check that its port speaks TLS" } else { "" };
                let message = format!("{address} did not answer within `connect_deadline`{hint}");
                Err(Failure::Unsent(Cause::new(message)))
            }
        }
    }

    /// The same, to a server that must be a primary, of a version that has every command that the store needs.
    pub(crate) async fn dial_primary<P: AsyncPushSender>(
        &self,
        address: &Address,
        push_receiver: Option<P>,
    ) -> Result<MultiplexedConnection, Failure> {
        match self.dial(address, push_receiver).await? {
            (_, hello) if is_too_old(&hello.server, &hello.version) => Err(Failure::fatal(format!(
                "{address} runs {} {}; the store needs Redis 7.0 or Valkey 7.2, or newer",
                hello.server,
                hello.version.chars().filter(char::is_ascii_graphic).take(16).collect::<String>()
            ))),
            (connection, hello) if hello.is_primary => Ok(connection),
            _ => Err(Failure::Unsent(Cause::new(format!("{address} is a replica")))),
        }
    }

    async fn connect<P: AsyncPushSender>(
        &self,
        address: &Address,
        info: ConnectionInfo,
        push_receiver: Option<P>,
    ) -> Result<(MultiplexedConnection, Hello), Failure> {
        // redis-rs gets no timeouts: each call has one deadline, which this crate enforces.
        let mut config = AsyncConnectionConfig::new()
            .set_connection_timeout(None)
            .set_response_timeout(None)
            .set_pipeline_buffer_size(self.queue);
        if let Some(receiver) = push_receiver {
            config = config.set_push_sender(receiver);
        }
        let client = Client::open(info).map_err(|error| failure_of(address, error))?;
        let mut connection = client
            .get_multiplexed_async_connection_with_config(&config)
            .await
            .map_err(|error| self.failure_to_connect(address, error))?;
        let hello = hello(&mut connection).await.map_err(|error| self.failure_to_connect(address, error))?;
        self.login.was_accepted(true);
        if hello.mode != self.mode {
            return Err(wrong_mode(address, self.mode, &hello.mode));
        }
        Ok((connection, hello))
    }

    /// A provider may have other credentials in a moment, so that waiting does help.
    fn failure_to_connect(&self, address: &Address, error: RedisError) -> Failure {
        let is_refused_login = is_refused_login(&error);
        match failure_of(address, error) {
            Failure::Fatal(cause) if is_refused_login && self.login.was_accepted(false) => Failure::Unsent(cause),
            failure => failure,
        }
    }
}

/// Whether a server does not accept the user, the password or the certificate, or is not trusted.
fn is_refused_login(error: &RedisError) -> bool {
    #[cfg(feature = "tls")]
    if is_certificate_trouble(error) {
        return true;
    }
    matches!(error.code(), Some("WRONGPASS" | "NOAUTH")) || error.kind() == RedisErrorKind::AuthenticationFailed
}

/// The reply to HELLO.
pub(crate) struct Hello {
    pub(crate) is_primary: bool,
    mode: String,
    server: String,
    version: String,
}

/// Asks a server for its role and mode. HELLO also serves as the sign of life: it reports the role, needs no permission
/// of its own (ROLE and INFO are `@dangerous`), and is answered while the server loads its data.
pub(super) async fn hello(connection: &mut MultiplexedConnection) -> Result<Hello, RedisError> {
    let reply = connection.send_packed_command(&redis::cmd("HELLO")).await?.extract_error()?;
    let mut hello = Hello { is_primary: false, mode: String::new(), server: String::new(), version: String::new() };
    let Value::Map(fields) = reply else { return Ok(hello) };
    for (name, value) in &fields {
        match (text(name), text(value)) {
            (Some("role"), Some(role)) => hello.is_primary = matches!(role, "master" | "primary"),
            (Some("mode"), Some(mode)) => hello.mode = mode.to_owned(),
            (Some("server"), Some(server)) => hello.server = server.to_owned(),
            (Some("version"), Some(version)) => hello.version = version.to_owned(),
            _ => {}
        }
    }
    Ok(hello)
}

fn wrong_mode(address: &Address, wanted: &str, found: &str) -> Failure {
    Failure::fatal(match (wanted, found) {
        ("sentinel", _) => format!("{address} is no sentinel; `urls` must be those of the sentinels"),
        (_, "cluster") => format!("{address} is a node of a cluster; set `topology` to `cluster`"),
        (_, "sentinel") => format!("{address} is a sentinel; set `topology` to `sentinel`"),
        _ => format!("{address} is not in cluster mode; set `topology` to `standalone` or `sentinel`"),
    })
}

/// The failure that an error of an attempt to connect amounts to.
pub(super) fn failure_of(address: &Address, error: RedisError) -> Failure {
    let code = error.code().unwrap_or_default();
    if let Some(command) = unknown_command(code, error.detail()) {
        return Failure::fatal(format!("{address}: {}", unknown_command_message(command)));
    }
    match code {
        "WRONGPASS" | "NOAUTH" => {
            return Failure::fatal(format!("{address} does not accept the user or the password"));
        }
        "NOPERM" => return Failure::fatal(format!("the ACL of {address} denies the user a command that is needed")),
        "DENIED" => {
            return Failure::fatal(format!(
                "{address} is in protected mode and accepts only local clients; set a password there"
            ));
        }
        "NOPROTO" => {
            return Failure::fatal(format!("{address} does not speak RESP3; it needs Redis 7.0 or Valkey 7.2"));
        }
        "ERR" if error.detail().is_some_and(|detail| detail.starts_with("DB index is out of range")) => {
            return Failure::fatal(format!("{address} has no database of that number; choose a lower `database`"));
        }
        "ERR" if error.detail().is_some_and(|detail| detail.starts_with("max number of clients")) => {
            return Failure::Unsent(Cause::new(format!(
                "{address} has as many clients as its `maxclients` allows; raise it, or open fewer connections"
            )));
        }
        _ => {}
    }
    match error.kind() {
        RedisErrorKind::AuthenticationFailed => {
            Failure::fatal(format!("{address} does not accept the user or the password"))
        }
        RedisErrorKind::RESP3NotSupported => {
            Failure::fatal(format!("{address} does not speak RESP3; it needs Redis 7.0 or Valkey 7.2"))
        }
        RedisErrorKind::InvalidClientConfig | RedisErrorKind::Client => Failure::Fatal(
            Cause::new(format!("{address} cannot be connected to as configured; check `urls` and `tls`"))
                .with_source(error),
        ),
        RedisErrorKind::Io => failure_of_io(address, error),
        // The reply of a server, such as LOADING or too many clients. Its text is not kept.
        _ => Failure::Unsent(Cause::new(format!("{address} refused the connection for now"))),
    }
}

fn failure_of_io(address: &Address, error: RedisError) -> Failure {
    #[cfg(feature = "tls")]
    if is_certificate_trouble(&error) {
        return Failure::Fatal(
            Cause::new(format!(
                "the TLS handshake with {address} failed; check `tls.ca`, the host in `urls`, the client certificate, \
                 and that the port speaks TLS"
            ))
            .with_source(error),
        );
    }
    Failure::Unsent(Cause::new(format!("{address} cannot be reached: {error}")))
}

/// Whether the handshake failed for a reason that persists.
#[cfg(feature = "tls")]
fn is_certificate_trouble(error: &RedisError) -> bool {
    let Some(inner) = error.source().and_then(|source| source.downcast_ref::<Arc<dyn StdError + Send + Sync>>()) else {
        return false;
    };
    let tls = match inner.downcast_ref::<io::Error>() {
        Some(io) => io.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()),
        None => inner.downcast_ref::<rustls::Error>(),
    };
    use rustls::Error as Tls;
    matches!(
        tls,
        Some(
            Tls::InvalidCertificate(_)
                | Tls::NoCertificatesPresented
                | Tls::AlertReceived(_)
                | Tls::PeerIncompatible(_)
                | Tls::InvalidMessage(_)
        )
    )
}
