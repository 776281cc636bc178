//! The Redis store.

use super::renewal;
use crate::{
    claim::{Figure, Number, Target},
    effort::Effort,
    in_turn::{Costs, InTurn},
    redis::{Clients, Request, benchmark},
    section::{Axis, Drawing, Plot, Section, Table},
};

/// The numbers of requests in flight.
const CONCURRENCY: [usize; 2] = [1, 64];
/// Sessions made of eight fields with values of this many bytes.
const SIZES: [(&str, usize); 3] = [("300 B", 29), ("1 KB", 120), ("8 KB", 1_000)];

const SERVER_BOUND: &str = "the server is the bottleneck, with one of the two processors to itself. The Lua \
                            interpreter takes two fifths of its time, for a script that checks before it writes; a GET \
                            and a SET check nothing, and lose updates under the same load";
const GUARDED: &str = "a load has one command more than the reference, the guard, whose cost is a claim of its own";
const NEAR: &str = "client and server share two processors, so the additional work of the store is a few per cent of \
                    the server's time; the result varies around the target from run to run";

/// Compares loads and updates with bare redis-rs and with stores of whole sessions.
pub fn section(effort: Effort) -> Section {
    let method = "All clients run in one process on a runtime of two workers, against one server without persistence, \
                  over loopback TCP without Nagle's delay, with one connection each, and RESP3 where they support it. \
                  The server shares the machine with them. Sessions have 8 fields. The store has its default \
                  configuration.";
    let mut section = Section::new("Redis store", method);
    let clients = Clients::start();
    let mut plotted = Vec::new();
    for tasks in CONCURRENCY {
        loads(&mut section, &clients, tasks, effort);
        plotted.push(updates(&mut section, &clients, tasks, effort));
    }
    renewal::compare(&mut section, &clients, effort);
    section.plots.push(throughputs(&plotted));
    sizes(&mut section, &clients, effort);
    section.tables.push(server_alone(&clients, effort));
    section
}

/// Microseconds per request, in batches.
fn compare(requests: &[Request], batch: u64) -> InTurn<'_> {
    requests.iter().fold(InTurn::new("us"), |comparison, request| {
        comparison.subject(request.name, move || request.run(batch).as_secs_f64() * 1e6 / batch as f64)
    })
}

fn batch(effort: Effort, tasks: usize) -> u64 {
    if tasks == 1 { effort.pick(250, 1_000) } else { effort.pick(2_000, 4_000) }
}

fn loads(section: &mut Section, clients: &Clients, tasks: usize, effort: Effort) {
    let requests =
        [clients.load(tasks), clients.bare_read(tasks), clients.bare_guarded_read(tasks), clients.bare_get(tasks)];
    let pair = (requests[0].name, requests[1].name);
    let guard = (requests[2].name, requests[1].name);
    let (target, guarded) = (Target::AtLeast(0.95), if tasks == 1 { 0.9 } else { 0.85 });
    let guard_target = Target::AtLeast(guarded);
    // The comparison is of costs, so its target is the reciprocal.
    let costs = compare(&requests, batch(effort, tasks))
        .until_decided(pair.0, pair.1, Target::AtMost(1.0 / 0.95))
        .until_decided(guard.0, guard.1, Target::AtMost(1.0 / guarded))
        .run(effort);
    section.claims.push(costs.throughput(
        format!("redis.load.{tasks}"),
        &format!("Loads of 8 fields of 29 B, {tasks} at once, against bare redis-rs into a `HashMap<String, Vec<u8>>`"),
        pair,
        target,
    ).missed_because(GUARDED, 0.85..=0.95));
    let text = format!(
        "Bare reads with the guard that shows whether the server could write, {tasks} at once, against the same reads \
         without it on the same connection"
    );
    let claim = costs.throughput(format!("redis.load.guard.{tasks}"), &text, guard, guard_target);
    section.claims.push(if tasks == 1 { claim } else { claim.missed_because(NEAR, 0.8..=0.85) });
    section.tables.push(costs.table(&format!("Time of a load of 8 fields of 29 B, us: {tasks} at once"), pair.0));
}

fn updates(section: &mut Section, clients: &Clients, tasks: usize, effort: Effort) -> Costs {
    let requests = [
        clients.apply(tasks, 29),
        clients.bare_apply(tasks),
        clients.same_commands(tasks),
        clients.minimal_commands(tasks),
        clients.tower_update(tasks, 29),
        clients.actix_update(tasks, 29),
    ];
    let [ours, script, .., tower, actix] = &requests;
    let (ours, script, tower, actix) = (ours.name, script.name, tower.name, actix.name);
    let costs = compare(&requests, batch(effort, tasks))
        .until_decided(ours, script, Target::AtMost(if tasks == 1 { 1.2 } else { 1.0 / 0.9 }))
        .until_decided(ours, tower, Target::AtMost(1.0 / 1.2))
        .run(effort);
    if tasks == 1 {
        let text = "Time of an update of one field, one at a time, against the same script sent bare";
        section.claims.push(costs.claim("redis.apply.1", text, (ours, script), Target::AtMost(1.2)));
    } else {
        let text = "Updates of one field, 64 at once, against the same script sent bare";
        section.claims.push(
            costs
                .throughput("redis.apply.64", text, (ours, script), Target::AtLeast(0.9))
                .missed_because(NEAR, 0.85..=0.9),
        );
    }
    for (peer, name) in [(tower, "tower-sessions"), (actix, "actix-session")] {
        let text =
            format!("Updates of one field of a session of 300 B, {tasks} at once, against {name}'s load and write");
        let id = format!("redis.update.{tasks}.{name}");
        let claim = costs.throughput(id, &text, (ours, peer), Target::AtLeast(1.2));
        section.claims.push(if tasks == 1 { claim } else { claim.missed_because(SERVER_BOUND, 0.65..=1.2) });
    }
    section.tables.push(costs.table(&format!("Time of an update of one field of 8, us: {tasks} at once"), ours));
    costs
}

fn throughputs(of: &[Costs]) -> Plot {
    let names = of.first().map(Costs::names).unwrap_or_default();
    let bars = |costs: &Costs| names.iter().map(|name| 1e6 / costs.median(name)).collect();
    Plot {
        name: "redis-updates".to_owned(),
        title: "Updates of one field of 8 in a session of 300 B".to_owned(),
        x: Axis::linear(""),
        y: Axis::linear("updates per second"),
        drawing: Drawing::Bars {
            groups: names.to_vec(),
            series: of
                .iter()
                .zip(CONCURRENCY)
                .map(|(costs, tasks)| (format!("{tasks} at once"), bars(costs)))
                .collect(),
        },
    }
}

/// Shows from which size on sending a delta costs less than sending the session twice.
fn sizes(section: &mut Section, clients: &Clients, effort: Effort) {
    let mut table = Table::new(
        "Updates of one field of 29 B per second, by the size of the session",
        ["session", "at once", "session-redis", "tower-sessions", "actix-session", "against tower-sessions"],
    );
    for (size, bytes) in SIZES.into_iter().skip(1) {
        for tasks in CONCURRENCY {
            let requests =
                [clients.apply(tasks, bytes), clients.tower_update(tasks, bytes), clients.actix_update(tasks, bytes)];
            let [ours, tower, actix] = requests.each_ref().map(|request| request.name);
            let costs = compare(&requests, batch(effort, tasks)).run(effort);
            let of = |name| Number(1e6 / costs.median(name)).to_string();
            let ratio = Number(costs.ratio(ours, tower).inverse().median).to_string();
            table.row([size.to_owned(), tasks.to_string(), of(ours), of(tower), of(actix), ratio]);
        }
    }
    section.tables.push(table);
}

/// The throughput of the server alone, with the fastest possible client.
fn server_alone(clients: &Clients, effort: Effort) -> Table {
    let mut table =
        Table::new("redis-benchmark on the same server, requests per second", ["command", "pipeline", "throughput"]);
    let count = effort.pick(40_000, 400_000);
    for figure in clients.block_on(benchmark::run(clients.server(), count)) {
        let (command, pipeline, throughput): (&str, u32, Figure) = figure;
        table.row([command.to_owned(), pipeline.to_string(), throughput.to_string()]);
    }
    table
}
