//! redis-benchmark: the throughput of the server with a client that does nothing else.

use std::process::Command;

use session_testkit::Server;

use super::bare::MINIMAL;
use crate::claim::Figure;

/// Each client sends one command at a time, or sixteen.
const PIPELINES: [u32; 2] = [1, 16];

/// Requests per second with 64 connections, by command and pipeline. The hash and the value have the size of a session
/// of eight fields of 29 bytes.
///
/// # Panics
/// If neither `redis-benchmark` nor the program in `REDIS_BENCHMARK_BIN` can be run.
pub async fn run(server: &Server, count: u32) -> Vec<(&'static str, u32, Figure)> {
    for field in 0..8 {
        server.command(&["HSET", "benchmark:hash", &format!("field-{field:02}"), &"7".repeat(29)]).await;
    }
    server.command(&["SET", "benchmark:value", &"7".repeat(300)]).await;
    let script = server.command(&["SCRIPT", "LOAD", MINIMAL.source()]).await.text();
    let message = "8".repeat(100);
    let minimal = [
        "EVALSHA",
        &script,
        "2",
        "benchmark:session",
        "benchmark:sequence",
        "",
        "now",
        &message,
        "PUBLISH",
        "benchmark:channel",
        "field-00",
        &"9".repeat(29),
    ]
    .map(str::to_owned);
    let commands: [(&str, &[String]); 3] = [
        ("GET of 300 B", &["GET", "benchmark:value"].map(str::to_owned)),
        ("HGETALL of 8 fields", &["HGETALL", "benchmark:hash"].map(str::to_owned)),
        ("EVALSHA, the minimal script", &minimal),
    ];
    let mut figures = Vec::new();
    for pipeline in PIPELINES {
        for (name, command) in commands {
            figures.push((name, pipeline, Figure::new(name, throughput(server, count, pipeline, command), "/s")));
        }
    }
    figures
}

fn throughput(server: &Server, count: u32, pipeline: u32, command: &[String]) -> f64 {
    let program = std::env::var("REDIS_BENCHMARK_BIN").unwrap_or_else(|_| "redis-benchmark".to_owned());
    let output = Command::new(&program)
        .args(["-h", "127.0.0.1", "--csv", "-c", "64", "-p", &server.port().to_string()])
        .args(["-n", &count.to_string(), "-P", &pipeline.to_string()])
        .args(command)
        .output()
        .unwrap_or_else(|error| {
            panic!("cannot run {program}: {error}. Install it with `apt-get install redis-tools`, or set REDIS_BENCHMARK_BIN")
        });
    let text = String::from_utf8_lossy(&output.stdout);
    // The second column of the last line, after the name of the command.
    let line = text.lines().rfind(|line| line.starts_with('"')).unwrap_or_default();
    let figure = line.rsplit("\",\"").nth(6).and_then(|column| column.parse().ok());
    figure.unwrap_or_else(|| panic!("{program} said: {text}{}", String::from_utf8_lossy(&output.stderr)))
}
