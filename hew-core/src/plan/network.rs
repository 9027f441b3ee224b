//! What a program of a run reaches of the network, where it is not the whole of it (`loop.sandbox = "strict"`).
//!
//! Such a program has a network of its own, with nothing in it but a loopback interface. Two ways lead out of it, both
//! kept by hew: a proxy, and for places on this machine the same address inside. Nothing here opens a connection.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::family::Family;
use super::provenance::{Provenance, entry};
use crate::settings::{SandboxMode, Settings, Target};

/// The port of the proxy, or the first one above it that no place on this machine has.
const PROXY_PORT: u16 = 3128;

/// Variables by which programs are told of a proxy.
const PROXY_VARIABLES: [&str; 6] =
    ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"];

/// Variables by which they are told what they ask without it.
const DIRECT_VARIABLES: [&str; 2] = ["NO_PROXY", "no_proxy"];

/// What is on a program's own machine, which is to say in its own network.
const DIRECT: &str = "localhost,127.0.0.1,::1";

/// What a program reaches of the network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    targets: BTreeSet<Target>,
}

impl Network {
    /// These places and no other.
    pub fn of(targets: impl IntoIterator<Item = Target>) -> Self {
        Self { targets: targets.into_iter().collect() }
    }

    /// What is let through.
    pub fn targets(&self) -> impl Iterator<Item = &Target> {
        self.targets.iter()
    }

    /// It is let through.
    pub fn allows(&self, target: &Target) -> bool {
        self.targets.contains(target)
    }

    /// Where the proxy listens, inside.
    pub fn proxy_address(&self) -> SocketAddr {
        let taken: BTreeSet<u16> = self.doors().keys().map(SocketAddr::port).collect();
        let port = (PROXY_PORT..=u16::MAX).find(|port| !taken.contains(port)).unwrap_or(PROXY_PORT);
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    /// Places on this machine, by the addresses that they have inside, too.
    pub fn doors(&self) -> BTreeMap<SocketAddr, &Target> {
        let addresses = |target: &Target| target.loopback_addresses();
        self.targets
            .iter()
            .flat_map(|target| addresses(target).into_iter().map(move |address| (address, target)))
            .collect()
    }

    /// What programs are told of the proxy. What is on their own machine they ask without it: their own servers, and
    /// places on this machine that are let through.
    pub fn variables(&self) -> Vec<(String, String)> {
        let proxy = format!("http://{}", self.proxy_address());
        let told = PROXY_VARIABLES.map(|name| (name.to_owned(), proxy.clone()));
        let direct = DIRECT_VARIABLES.map(|name| (name.to_owned(), DIRECT.to_owned()));
        told.into_iter().chain(direct).collect()
    }

    /// What is let through, for people.
    pub fn words(&self) -> String {
        let words: Vec<String> = self.targets.iter().map(Target::to_string).collect();
        if words.is_empty() { "nothing".to_owned() } else { words.join(" ") }
    }
}

/// What an agent reaches: the servers of its runtime, and `loop.sandbox.hosts`. None where its network is the person's.
pub(super) fn plan_network(
    settings: &Settings,
    family: Family,
    env: &BTreeMap<String, String>,
    args: &[String],
    endpoint: Option<&str>,
) -> Option<(Network, Vec<Provenance>)> {
    if settings.sandbox.value != SandboxMode::Strict {
        return None;
    }
    let of_runtime = Network::of(family.servers(env, args, endpoint));
    let hosts = &settings.sandbox_hosts;
    let extra = Network::of(hosts.value.iter().cloned());
    let all = Network::of(of_runtime.targets().chain(extra.targets()).cloned());
    let mode = format!("{} loop.sandbox.mode", settings.sandbox.origin);
    let names = PROXY_VARIABLES.iter().chain(&DIRECT_VARIABLES).copied().collect::<Vec<_>>().join(" ");
    let provenance = vec![
        entry("sandbox.reaches", &of_runtime.words(), &format!("where {} goes for its model", family.word())),
        entry("sandbox.hosts", &extra.words(), &format!("{} loop.sandbox.hosts", hosts.origin)),
        entry("env", &names, &format!("{mode}; in place of any other proxy")),
    ];
    Some((all, provenance))
}

/// What a gate, a set-up or a verification reaches: `loop.sandbox.hosts`. None where its network is the person's.
pub(super) fn command_network(settings: &Settings) -> Option<Network> {
    let is_strict = settings.sandbox.value == SandboxMode::Strict;
    is_strict.then(|| Network::of(settings.sandbox_hosts.value.iter().cloned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(hosts: &[&str]) -> Network {
        Network::of(hosts.iter().map(|host| Target::parse(host, 443).unwrap()))
    }

    #[test]
    fn the_proxy_leaves_the_ports_of_this_machines_servers_to_them() {
        assert_eq!(network(&["example.org:3128"]).proxy_address().to_string(), "127.0.0.1:3128");
        let squid = network(&["localhost:3128", "127.0.0.1:3129"]);
        assert_eq!(squid.proxy_address().to_string(), "127.0.0.1:3130");
        let doors: Vec<String> = squid.doors().keys().map(SocketAddr::to_string).collect();
        assert_eq!(doors, ["127.0.0.1:3128", "127.0.0.1:3129", "[::1]:3128"]);
    }
}
