//! What the sentinels say, and whether they could replace a primary.

use std::{collections::BTreeSet, time::Duration};

use redis::{Pipeline, Value};

use super::{
    deployment::Deployment,
    discover::Expected,
    facts::{Facts, Role, common},
    line::Line,
    notes::Notes,
    reply::{Table, items, table},
};
use crate::net::{Address, Dialer};

/// One sentinel's view of the primary.
#[derive(Clone, Debug)]
struct View {
    sentinel: Address,
    primary: Table,
    replicas: Vec<Table>,
    /// Whether it says that enough sentinels can be reached to agree on a failover.
    has_quorum: Option<bool>,
}

impl View {
    fn number(&self, name: &str) -> Option<u64> {
        self.primary.get(name)?.parse().ok()
    }

    /// Where the server of a description is.
    fn place(&self, described: &Table) -> Option<Address> {
        Some(Address::reported(described.get("ip")?, described.get("port")?.parse().ok()?, &self.sentinel))
    }

    /// The first trouble among the flags of the primary.
    fn trouble(&self) -> Option<&str> {
        let flags = self.primary.get("flags")?;
        flags.split(',').find(|flag| ["s_down", "o_down", "disconnected", "failover_in_progress"].contains(flag))
    }
}

/// Asks all sentinels for the servers. What they say of themselves is judged here; their facts are for the checks.
pub(super) async fn ask(
    dialer: &Dialer,
    master: &str,
    seeds: &[Address],
    deployment: &mut Deployment,
    notes: &mut Notes,
) -> (Vec<Expected>, Vec<Facts>) {
    let (mut views, mut facts) = (Vec::new(), Vec::new());
    for seed in seeds {
        match Line::open(dialer, seed, deployment.call_deadline).await {
            Ok(mut line) => {
                let mut told = Facts::new(seed.clone(), Role::Sentinel);
                common(&mut line, &mut told).await;
                facts.push(told);
                views.extend(view(&mut line, master, notes).await);
                line.confess(notes);
            }
            Err(why) => {
                let remedy = "start the sentinel, or take it out of `urls`; a failover needs a majority of them";
                notes.at(seed).warning("sentinels", why, remedy);
            }
        }
    }
    deployment.down_after =
        views.iter().filter_map(|view| view.number("down-after-milliseconds")).min().map(Duration::from_millis);
    judge(&views, seeds.len(), notes);
    (servers(&views), facts)
}

async fn view(line: &mut Line, master: &str, notes: &mut Notes) -> Option<View> {
    let mut questions = Pipeline::with_capacity(3);
    for question in ["MASTER", "REPLICAS", "CKQUORUM"] {
        questions.cmd("SENTINEL").arg(question).arg(master);
    }
    let about = "whom the sentinel watches";
    let mut answers = line.ask_all("SENTINEL MASTER", about, &questions).await?.into_iter();
    let (primary, replicas, quorum) = (answers.next()?, answers.next()?, answers.next()?);
    if let Value::ServerError(error) = &primary
        && error.code() == "ERR"
    {
        let found = format!("the sentinel watches no primary called `{master}`");
        notes.at(&line.address).critical("sentinels", found, "check `sentinel.master`, and `sentinel monitor` there");
        return None;
    }
    let primary = line.judged("SENTINEL MASTER", about, primary).ok()?;
    let replicas = line.judged("SENTINEL REPLICAS", "the replicas", replicas).ok();
    let has_quorum = match &quorum {
        Value::ServerError(error) if error.code() == "NOQUORUM" => Some(false),
        _ => line.judged("SENTINEL CKQUORUM", "the quorum", quorum).ok().map(|_| true),
    };
    Some(View {
        sentinel: line.address.clone(),
        primary: table(&primary),
        replicas: replicas.iter().flat_map(items).map(table).collect(),
        has_quorum,
    })
}

/// The servers, as the newest view has them.
fn servers(views: &[View]) -> Vec<Expected> {
    let Some(newest) = views.iter().max_by_key(|view| view.number("config-epoch")) else { return Vec::new() };
    let primary = newest.place(&newest.primary).map(Expected::primary);
    let replicas = newest.replicas.iter().filter_map(|replica| newest.place(replica));
    let replica = |address| Expected { is_primary: false, ..Expected::primary(address) };
    primary.into_iter().chain(replicas.map(replica)).collect()
}

fn judge(views: &[View], named: usize, notes: &mut Notes) {
    let Some(newest) = views.iter().max_by_key(|view| view.number("config-epoch")) else {
        let remedy = "check `urls`, `sentinel.master` and the sentinels' password";
        return notes.everywhere().critical("sentinels", "no sentinel tells where the primary is", remedy);
    };
    notes.everywhere();
    let primaries: BTreeSet<_> = views.iter().filter_map(|view| Some(view.place(&view.primary)?.to_string())).collect();
    if primaries.len() > 1 {
        let found = format!(
            "the sentinels disagree who is the primary: {}",
            primaries.into_iter().collect::<Vec<_>>().join(", ")
        );
        notes.critical(
            "sentinels",
            found,
            "see whether they reach each other; SENTINEL RESET on those that are behind",
        );
    }
    for view in views {
        if let Some(flag) = view.trouble() {
            let found = format!("the sentinel holds the primary for {flag}");
            notes.at(&view.sentinel).critical("sentinels", found, "see the logs of the sentinel and of the primary");
        }
    }
    count(views, newest, named, notes);
}

fn count(views: &[View], newest: &View, named: usize, notes: &mut Notes) {
    notes.everywhere();
    let known = newest.number("num-other-sentinels").map_or(views.len() as u64, |others| others + 1);
    let quorum = newest.number("quorum").unwrap_or(0);
    let found = format!("{known} sentinels, of which {quorum} must agree that the primary is down");
    if views.iter().any(|view| view.has_quorum == Some(false)) || quorum > known {
        let found = format!("{found}: they cannot be brought together, so no failover can happen");
        notes.critical("quorum", found, "start the missing sentinels, or lower the quorum in `sentinel monitor`");
    } else if known < 3 {
        let found = format!("{found}: without one of them there is no majority, and no failover");
        notes.warning("quorum", found, "run three sentinels, on machines that fail independently");
    } else if quorum < 2 {
        let found = format!("{found}: one that is cut off can start a failover of a healthy primary");
        notes.warning("quorum", found, "set the quorum in `sentinel monitor` to 2 at least");
    } else {
        notes.ok("quorum", found);
    }
    if (named as u64) < known {
        let found =
            format!("`urls` name {named} of {known} sentinels; while those are down, the primary cannot be found");
        notes.info("sentinels", found, "name all sentinels in `urls`");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Severity;

    fn view(port: &str, flags: &str, others: &str, epoch: &str) -> View {
        let told = [
            ("ip", "10.0.0.1"),
            ("port", port),
            ("flags", flags),
            ("num-other-sentinels", others),
            ("quorum", "2"),
            ("config-epoch", epoch),
        ];
        let primary = told.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        View { sentinel: Address::tcp("s", 1), primary, replicas: Vec::new(), has_quorum: Some(true) }
    }

    fn graves(views: &[View]) -> Vec<(Severity, &'static str)> {
        let mut notes = Notes::new();
        judge(views, 3, &mut notes);
        let findings = notes.into_findings();
        findings
            .iter()
            .map(|found| (found.severity, found.check))
            .filter(|(severity, _)| *severity > Severity::Ok)
            .collect()
    }

    #[test]
    fn views_are_compared() {
        let well = || view("1", "master", "2", "1");
        assert_eq!(graves(&[well(), well()]), []);
        assert_eq!(graves(&[well(), view("2", "master", "2", "1")]), [(Severity::Critical, "sentinels")]);
        assert_eq!(graves(&[well(), view("1", "master,s_down", "2", "1")]), [(Severity::Critical, "sentinels")]);
        assert_eq!(graves(&[view("1", "master", "1", "1")]), [(Severity::Warning, "quorum")]);
    }

    #[test]
    fn the_newest_view_names_the_primary() {
        let views = [view("1", "master", "2", "7"), view("2", "master", "2", "10")];
        assert_eq!(servers(&views), [Expected::primary(Address::tcp("10.0.0.1", 2))]);
    }
}
