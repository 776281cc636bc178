//! Starts a server and waits until it answers.

use std::io;

use crate::{
    Connection, Server,
    process::Process,
    server::{ADMIN, ADMIN_PASSWORD, Role, Settings, settings::Ports},
    wait::first_answer,
    workdir::Workdir,
};

/// The log message of a server whose port is taken.
const PORT_TAKEN: &str = "Address already in use";

/// The state of a server that was just started.
pub(super) enum Begin {
    Answers,
    PortTaken,
}

impl Server {
    pub(crate) async fn launch(settings: Settings) -> Self {
        Self::launch_at(settings, Ports::reserve).await
    }

    async fn launch_at(settings: Settings, mut reserve: impl FnMut(&Settings) -> Ports) -> Self {
        let dir = Workdir::new();
        // Only a port that another program holds leads to another attempt.
        for _ in 0..20 {
            let ports = reserve(&settings);
            dir.write("redis.conf", &settings.text(dir.path(), &ports));
            let process = spawn(&dir, settings.role);
            if let Begin::Answers = begin(&process, &dir).await {
                return Self::new(process, dir, ports, settings);
            }
            let _ = std::fs::remove_file(dir.join("log"));
        }
        panic!("every port tried for a server was taken; is something else listening on all of them?")
    }
}

pub(super) fn spawn(dir: &Workdir, role: Role) -> Process {
    let program = std::env::var("REDIS_SERVER_BIN").unwrap_or_else(|_| "redis-server".to_owned());
    let args: &[&str] = if role == Role::Sentinel { &["redis.conf", "--sentinel"] } else { &["redis.conf"] };
    match Process::spawn(&program, args, dir.path(), &dir.join("log")) {
        Ok(process) => process,
        Err(error) => panic!(
            "cannot start {program}: {error}. Install it with `apt-get install redis-server redis-tools`, or name \
             another binary in REDIS_SERVER_BIN"
        ),
    }
}

/// Waits until the child answers at all, or turns out to have no port.
pub(super) async fn begin(process: &Process, dir: &Workdir) -> Begin {
    let begin = first_answer(|| async {
        // In this order, since a child that ended cannot be the one that answers.
        let exited = process.exited();
        if let Some(status) = exited {
            let log = read_log(dir);
            assert!(log.contains(PORT_TAKEN), "the server ended at once ({status}); its log:\n{log}");
            return Some(Begin::PortTaken);
        }
        let answer = admin(dir).await.ok()?.command(&["PING"]).await;
        answer.is_ok().then_some(Begin::Answers)
    });
    begin.await.unwrap_or_else(|| panic!("the server does not answer; its log:\n{}", read_log(dir)))
}

pub(super) async fn admin(dir: &Workdir) -> io::Result<Connection> {
    let mut connection = Connection::unix(&dir.join("redis.sock")).await?;
    // The next command shows whether this was refused.
    connection.command(&["AUTH", ADMIN, ADMIN_PASSWORD]).await?;
    Ok(connection)
}

pub(super) fn read_log(dir: &Workdir) -> String {
    let log = std::fs::read(dir.join("log")).unwrap_or_default();
    String::from_utf8_lossy(&log).into_owned()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_port_that_a_stranger_holds_leads_to_another() {
        let settings = Settings::new(Role::Data);
        let taken = Ports::reserve(&settings);
        let _stranger = TcpListener::bind(taken.tcp.as_ref().unwrap().addr()).unwrap();
        let mut tried = vec![Ports::reserve(&settings), taken];
        let server = Server::launch_at(settings, |_| tried.pop().unwrap()).await;
        assert!(tried.is_empty());
        assert_eq!(server.command(&["CONFIG", "GET", "port"]).await.items()[1].int(), i64::from(server.port()));
    }
}
