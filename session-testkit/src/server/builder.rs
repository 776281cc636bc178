//! Options of a server.

use crate::{
    Certificates, Persistence,
    server::{Role, Server, Settings},
};

/// Options of a [`Server`]. By default it listens on a unix socket and on a TCP port of 127.0.0.1, and keeps nothing on
/// disk.
#[derive(Clone, Debug)]
#[must_use]
pub struct ServerBuilder {
    settings: Settings,
}

impl ServerBuilder {
    pub(crate) fn new(role: Role) -> Self {
        Self { settings: Settings::new(role) }
    }

    pub(crate) fn certificates(&self) -> Option<&Certificates> {
        self.settings.tls.as_ref()
    }

    /// Makes it a replica of the server at this port of the loopback address.
    pub(crate) fn replica_at(mut self, port: u16) -> Self {
        self.settings.replica_of = Some(port);
        self
    }

    /// Disables the plain TCP port: only the unix socket remains, and the TLS port if there is one.
    pub fn unix_only(mut self) -> Self {
        self.settings.tcp = false;
        self
    }

    /// Sets a directive of the configuration file, such as `("maxmemory", "10mb")`. The value is written verbatim, so a
    /// single argument with spaces needs quotes.
    pub fn config(mut self, name: &str, value: impl ToString) -> Self {
        self.settings.set(name, value);
        self
    }

    /// Sets the persistence. Default: none.
    pub fn persistence(mut self, persistence: Persistence) -> Self {
        self.settings.persistence = persistence;
        self
    }

    /// Adds a TLS port with these certificates.
    pub fn tls(mut self, certificates: &Certificates) -> Self {
        self.settings.tls = Some(certificates.clone());
        self
    }

    /// Requires a certificate from every client on the TLS port.
    pub fn require_client_certificate(mut self) -> Self {
        self.settings.client_certificates = true;
        self
    }

    /// Sets a password for the default user.
    pub fn password(mut self, password: &str) -> Self {
        self.settings.password = Some(password.to_owned());
        self
    }

    /// Adds a user, as a line of the ACL without the word `user`, such as `"app on >secret ~sessions:* &* +@all"`, or
    /// `"default off"`. The kit's own user (`testkit`) stays, so [`Server::command`] keeps working.
    pub fn acl_user(mut self, rule: &str) -> Self {
        self.settings.users.push(rule.to_owned());
        self
    }

    /// Makes it a replica. The start does not wait for the link: [`Server::wait_for_primary_link`] does.
    pub fn replica_of(mut self, primary: &Server) -> Self {
        self.settings.replica_of = Some(primary.main_port());
        self
    }

    /// Starts it, and waits until it answers and has loaded its data.
    ///
    /// # Panics
    ///
    /// With the server's log, if it ends or does not answer within 30 s; with the command that installs the server, if it
    /// is not installed.
    pub async fn start(self) -> Server {
        let server = self.start_without_waiting().await;
        server.wait_until_loaded().await;
        server
    }

    /// Starts it, and returns as soon as it answers at all, even with `LOADING`.
    ///
    /// # Panics
    ///
    /// As [`start`](Self::start).
    pub async fn start_without_waiting(self) -> Server {
        Server::launch(self.settings).await
    }
}
