//! The text of a configuration file.

use std::{fmt::Write, path::Path};

use crate::{Certificates, Persistence, port::Port};

/// The kit itself, replicas, cluster nodes and sentinels log in as this user, so a test may change the default user.
pub(crate) const ADMIN: &str = "testkit";
pub(crate) const ADMIN_PASSWORD: &str = "testkit-password";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Data,
    ClusterNode,
    Sentinel,
}

#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) role: Role,
    pub(crate) tcp: bool,
    pub(crate) tls: Option<Certificates>,
    pub(crate) client_certificates: bool,
    pub(crate) persistence: Persistence,
    pub(crate) password: Option<String>,
    pub(crate) users: Vec<String>,
    pub(crate) directives: Vec<(String, String)>,
    pub(crate) replica_of: Option<u16>,
}

impl Settings {
    pub(crate) fn new(role: Role) -> Self {
        Self {
            role,
            tcp: true,
            tls: None,
            client_certificates: false,
            persistence: Persistence::None,
            password: None,
            users: Vec::new(),
            directives: Vec::new(),
            replica_of: None,
        }
    }

    pub(crate) fn set(&mut self, name: &str, value: impl ToString) {
        self.directives.push((name.to_owned(), value.to_string()));
    }

    /// The whole file. Later lines win, so the test's own directives come last.
    pub(crate) fn text(&self, dir: &Path, ports: &Ports) -> String {
        let mut text = format!(
            "bind 127.0.0.1\nport {}\nunixsocket {}\ndir {}\ndaemonize no\nlogfile \"\"\n",
            ports.tcp.as_ref().map_or(0, Port::number),
            dir.join("redis.sock").display(),
            dir.display(),
        );
        text += &format!("user {ADMIN} on >{ADMIN_PASSWORD} ~* &* +@all\n");
        if self.role != Role::Sentinel {
            self.data(&mut text, ports);
        }
        if let Some(certificates) = &self.tls {
            self.encrypted(&mut text, certificates, ports);
        }
        if let Some(password) = &self.password {
            // Quoted, since a password may have spaces.
            line(&mut text, "requirepass", &format!("{password:?}"));
        }
        for user in &self.users {
            line(&mut text, "user", user);
        }
        for (name, value) in &self.directives {
            line(&mut text, name, value);
        }
        text
    }

    fn data(&self, text: &mut String, ports: &Ports) {
        text.push_str(self.persistence.directives());
        // By default a primary waits five seconds for more replicas, and pings them only every ten.
        text.push_str("repl-diskless-sync-delay 0\nrepl-ping-replica-period 1\nenable-debug-command local\n");
        line(text, "masteruser", ADMIN);
        line(text, "masterauth", ADMIN_PASSWORD);
        if let Some(port) = self.replica_of {
            line(text, "replicaof", &format!("127.0.0.1 {port}"));
        }
        if let Some(bus) = &ports.bus {
            text.push_str("cluster-enabled yes\ncluster-config-file nodes.conf\n");
            // The default, port + 10000, may belong to another program.
            line(text, "cluster-port", &bus.number().to_string());
        }
    }

    fn encrypted(&self, text: &mut String, certificates: &Certificates, ports: &Ports) {
        line(text, "tls-port", &ports.tls.as_ref().map_or(0, Port::number).to_string());
        let files = [
            ("tls-ca-cert-file", certificates.ca_file()),
            ("tls-cert-file", certificates.server_cert_file()),
            ("tls-key-file", certificates.server_key_file()),
            ("tls-client-cert-file", certificates.client_cert_file()),
            ("tls-client-key-file", certificates.client_key_file()),
        ];
        for (name, file) in files {
            line(text, name, &file.display().to_string());
        }
        line(text, "tls-auth-clients", if self.client_certificates { "yes" } else { "no" });
        line(text, "tls-replication", "yes");
        if self.role == Role::ClusterNode {
            line(text, "tls-cluster", "yes");
        }
    }
}

/// The ports of one server. They stay the same over restarts.
#[derive(Clone, Debug)]
pub(crate) struct Ports {
    pub(crate) tcp: Option<Port>,
    pub(crate) tls: Option<Port>,
    pub(crate) bus: Option<Port>,
}

impl Ports {
    pub(crate) fn reserve(settings: &Settings) -> Self {
        Self {
            tcp: settings.tcp.then(Port::reserve),
            tls: settings.tls.as_ref().map(|_| Port::reserve()),
            bus: (settings.role == Role::ClusterNode).then(Port::reserve),
        }
    }
}

fn line(text: &mut String, name: &str, value: &str) {
    let value = if value.is_empty() { "\"\"" } else { value };
    let _ = writeln!(text, "{name} {value}");
}
