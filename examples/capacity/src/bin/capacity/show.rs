//! The estimate in words and tables.

use std::fmt::Write as _;

use capacity::{
    Constants, Estimate, Limits, Routing, Topology, Workload,
    advice::advice,
    breaks::Break,
    hits::room,
    resources::{Resource, ServerCpu, Use, largest_share, memory},
    traffic::{CONNECTIONS, WAITING_CHANGES},
};

const WIDTH: usize = 112;
/// The output buffer at which Redis disconnects a subscriber (`client-output-buffer-limit pubsub`): at once, and after a
/// minute.
const OUTPUT_BUFFER: f64 = 32.0 * 1_024.0 * 1_024.0;
const OUTPUT_BUFFER_FOR_A_MINUTE: f64 = 8.0 * 1_024.0 * 1_024.0;
const NOT_COUNTED: &str = "Not counted: replication, persistence and copy-on-write, TLS, network latency, fragmentation, buffers and \
                           memory of connections, and all work of the nodes except receiving changes.";

/// The whole page.
pub(crate) fn show(workload: &Workload, constants: &Constants, limits: &Limits, estimate: &Estimate) -> String {
    let mut page = Page::default();
    page.service(workload, constants, estimate);
    page.reads(workload, constants, estimate);
    page.operations(workload, constants, estimate);
    page.processor(limits, estimate);
    page.server(workload, constants, estimate);
    page.messages(workload, constants, estimate);
    page.node(workload, constants, estimate);
    page.uses(estimate);
    page.breaks(&estimate.breaks);
    page.heading("What to do");
    for sentence in advice(workload, constants, limits, estimate) {
        page.paragraph(&sentence);
    }
    page.line("");
    page.paragraph(NOT_COUNTED);
    page.0
}

/// One part of a processor's work.
type Part = fn(&ServerCpu) -> f64;

#[derive(Default)]
struct Page(String);

impl Page {
    fn line(&mut self, text: impl AsRef<str>) {
        let _ = writeln!(self.0, "{}", text.as_ref());
    }

    fn heading(&mut self, text: &str) {
        let _ = write!(self.0, "\n{text}\n{}\n", "-".repeat(text.chars().count()));
    }

    /// Breaks the text into lines of at most `WIDTH` characters.
    fn paragraph(&mut self, text: &str) {
        let mut line = String::from("-");
        for word in text.split_whitespace() {
            if line.chars().count() + 1 + word.chars().count() > WIDTH {
                self.line(&line);
                line = " ".to_owned();
            }
            line.push(' ');
            line.push_str(word);
        }
        self.line(line);
    }

    fn service(&mut self, workload: &Workload, constants: &Constants, estimate: &Estimate) {
        let routing = match workload.routing {
            Routing::Random => "random",
            Routing::Sticky => "sticky",
        };
        let topology = match workload.topology {
            Topology::Standalone => "one server, plain channels".to_owned(),
            Topology::Cluster => format!("a cluster of {} primaries, sharded channels", estimate.primaries),
        };
        let is_a_guess = estimate.primaries_needed.is_none() && workload.primaries.is_none();
        let guess = if is_a_guess { " (a guess: no number of primaries is enough)" } else { "" };
        self.line(format!(
            "{} sessions of {} B, {} requests/s ({} % write), {} nodes, {routing} routing;",
            short(workload.sessions),
            short(workload.session_bytes),
            short(workload.requests),
            short(workload.write_share * 100.0),
            workload.nodes
        ));
        self.line(format!("{topology}{guess}, {} partitions", workload.partitions));
        self.line(format!("constants: {}", constants.machine));
    }

    fn reads(&mut self, workload: &Workload, constants: &Constants, estimate: &Estimate) {
        self.heading("Reads");
        let hits = estimate.hits;
        let percent = |share: f64| format!("{:.1} %", share * 100.0);
        self.line(format!(
            "expected hit rate       {:>9}   for independent requests: Che's approximation, Zipf's law (exponent {})",
            percent(hits.hits),
            workload.popularity
        ));
        self.line(format!(
            "revalidated             {:>9}   older than max_age, but unchanged",
            percent(hits.revalidated)
        ));
        self.line(format!("loaded from the store   {:>9}", percent(hits.filled)));
        self.line(format!(
            "copies on a node        {:>9}   in the long run, since expiry is not published; {}B of memory",
            short(room(workload)),
            short(room(workload) * constants.copied(workload))
        ));
        let typical = match estimate.typical_staleness {
            it if it.is_finite() => format!("{:.2} ms", it * 1e3),
            _ => "unbounded".to_owned(),
        };
        self.line(format!("staleness, typical      {typical:>9}   from an update until other nodes receive it"));
        self.line(format!(
            "staleness, at most      {:>9}   max_staleness, always: beyond it loads go to the store",
            format!("{} s", workload.max_staleness)
        ));
    }

    fn operations(&mut self, workload: &Workload, constants: &Constants, estimate: &Estimate) {
        self.heading("On all primaries, per second");
        self.line(format!("{:<20} {:>10} {:>12} {:>10}", "operation", "per second", "us each", "cores"));
        let traffic = estimate.traffic;
        let fan_out = ("fan-out: messages", traffic.messages(), constants.message_us);
        let operations = traffic.operations(workload, constants).into_iter().chain(traffic.beats(constants));
        for (name, rate, us) in operations.chain([fan_out]) {
            self.line(format!("{name:<20} {:>10} {us:>12.2} {:>10.2}", short(rate), rate * us * 1e-6));
        }
        self.line("(excluding system calls, which are in the next table)");
    }

    /// The minimum, and the use that is observed while there is time to spare.
    fn processor(&mut self, limits: &Limits, estimate: &Estimate) {
        self.heading("The processor of the fullest primary, in cores");
        let (least, unhurried) = (estimate.server_cpu, estimate.unhurried_cpu);
        self.line(format!("{:<22} {:>16} {:>24}", "", "minimum", "a turn per request"));
        let rows: [(&str, Part); 6] = [
            ("operations", |cpu| cpu.operations),
            ("their system calls", |cpu| cpu.calls),
            ("turns", |cpu| cpu.turns),
            ("fan-out", |cpu| cpu.fan_out),
            ("heartbeats", |cpu| cpu.heartbeats),
            ("total", ServerCpu::total),
        ];
        for (name, cores) in rows {
            self.line(format!("{name:<22} {:>16.3} {:>24.3}", cores(&least), cores(&unhurried)));
        }
        let longest = limits.turn * 1e3;
        self.line(match estimate.turn {
            0.0 => format!(
                "There is time for a turn per request, so the last column applies; the minimum is for turns of {longest} ms."
            ),
            turn if turn.is_finite() => format!(
                "It is always busy, in turns of {:.2} ms, which delay requests; {longest} ms are allowed.",
                turn * 1e3
            ),
            _ => format!("Even turns of {longest} ms are not enough."),
        });
    }

    fn server(&mut self, workload: &Workload, constants: &Constants, estimate: &Estimate) {
        let (traffic, primaries) = (estimate.traffic, f64::from(estimate.primaries));
        let here = traffic.on_fullest(workload, estimate.primaries);
        let stored = memory(workload, constants, &traffic);
        self.heading("On the fullest primary");
        self.line(format!(
            "memory                          {:>8}B     {}B in total, {:.0} B per session{}",
            short(largest_share(workload.partitions, estimate.primaries) * stored),
            short(stored),
            constants.stored(workload),
            if workload.is_table() { ", as a hash table" } else { "" }
        ));
        self.line(format!(
            "connections                     {:>8}      {CONNECTIONS} per node; {} from a node to all primaries",
            short(CONNECTIONS * workload.nodes),
            short(CONNECTIONS * primaries)
        ));
        self.line(format!(
            "heartbeats                      {:>8}/s    {}/s in total, every {:.0} ms",
            short(here.heartbeats),
            short(traffic.heartbeats),
            workload.heartbeat() * 1e3
        ));
        self.line(format!(
            "the hottest session             {:>8}/s    requests, {} % of all; {}/s reach the primary",
            short(traffic.hottest.requests),
            short(100.0 * traffic.hottest.requests / workload.requests),
            short(
                traffic.hottest.loads + traffic.hottest.conditional + traffic.hottest.applies + traffic.hottest.touches
            )
        ));
    }

    fn messages(&mut self, workload: &Workload, constants: &Constants, estimate: &Estimate) {
        let (traffic, primaries) = (estimate.traffic, f64::from(estimate.primaries));
        let here = traffic.on_fullest(workload, estimate.primaries);
        self.line(format!(
            "messages sent                   {:>8}/s    {} changes/s x {} nodes = {}/s in total",
            short(here.messages()),
            short(traffic.changes()),
            workload.nodes,
            short(traffic.messages())
        ));
        if workload.topology == Topology::Cluster && estimate.primaries > 1 {
            self.line(format!(
                "    plain channels would add {}B/s on the cluster's bus: every change to every other server, including replicas",
                short(traffic.heard_bytes(workload, constants) * (primaries - 1.0))
            ));
        }
        let waiting = here.heard_bytes(workload, constants);
        if waiting > 0.0 {
            let patience = (OUTPUT_BUFFER / waiting).min(OUTPUT_BUFFER_FOR_A_MINUTE / waiting + 60.0);
            self.line(format!(
                "a subscriber may stall for      {:>8} s    then its output buffer is full and the server disconnects it",
                short(patience)
            ));
        }
    }

    fn node(&mut self, workload: &Workload, constants: &Constants, estimate: &Estimate) {
        let traffic = estimate.traffic;
        self.heading("On a node");
        self.line(format!(
            "changes received                {:>8}/s    {}B/s, {:.3} cores",
            short(traffic.changes()),
            short(traffic.heard_bytes(workload, constants)),
            traffic.changes() * constants.hear_us * 1e-6
        ));
        if traffic.changes() > 0.0 {
            self.line(format!(
                "it may stall for                {:>8} s    then {WAITING_CHANGES} changes are buffered, and it has a gap",
                short(WAITING_CHANGES / traffic.changes())
            ));
        }
    }

    fn uses(&mut self, estimate: &Estimate) {
        self.heading("Against the limits");
        self.line(format!("{:<38} {:>10} {:>10} {:>8}", "resource", "used", "limit", ""));
        for it in &estimate.uses {
            let Use { resource, used, limit } = *it;
            let unit = unit(resource);
            let cells = (format!("{}{unit}", short(used)), format!("{}{unit}", short(limit)));
            let mark = if it.share() > 1.0 { "  too much" } else { "" };
            self.line(format!(
                "{:<38} {:>10} {:>10} {:>6.0} %{mark}",
                resource.name(),
                cells.0,
                cells.1,
                it.share() * 100.0
            ));
        }
        match estimate.primaries_needed {
            Some(needed) => self.line(format!("primaries needed: {needed}")),
            None => self.line("primaries needed: no number is enough"),
        }
    }

    fn breaks(&mut self, breaks: &[Break]) {
        self.heading("Which resource runs out first");
        self.line("with the same primaries, and this many times the sessions, requests and nodes:");
        for Break { resource, factor } in breaks {
            let factor = if factor.is_finite() { format!("{factor:.2}") } else { "never".to_owned() };
            self.line(format!("{factor:>10}   {}", resource.name()));
        }
    }
}

fn unit(resource: Resource) -> &'static str {
    match resource {
        Resource::ServerCpu | Resource::ReceivingCpu => " cores",
        Resource::ServerMemory => "B",
        Resource::ServerNetwork | Resource::ReceivingNetwork => "B/s",
        Resource::ServerConnections => "",
    }
}

/// Formats a number with three digits and a prefix.
fn short(number: f64) -> String {
    let (scaled, prefix) = match number.abs() {
        n if n >= 1e12 => (number / 1e12, " T"),
        n if n >= 1e9 => (number / 1e9, " G"),
        n if n >= 1e6 => (number / 1e6, " M"),
        n if n >= 1e4 => (number / 1e3, " k"),
        _ => (number, ""),
    };
    let digits = match scaled.abs() {
        n if n >= 100.0 || n.fract() == 0.0 => 0,
        n if n >= 10.0 => 1,
        _ => 2,
    };
    format!("{scaled:.digits$}{prefix}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits_and_a_prefix() {
        let shown: Vec<_> = [0.0, 0.25, 12.34, 500.0, 12_345.0, 1e8, 2.5e9].map(short).into();
        assert_eq!(shown, ["0", "0.25", "12.3", "500", "12.3 k", "100 M", "2.50 G"]);
    }
}
