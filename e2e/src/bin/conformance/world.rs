//! The clusters that the cases play in, and what can happen to them.

use std::{collections::HashMap, path::Path};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;
use tidemill_e2e::{Client, Cluster, Proxy, Role, free_port};

use crate::value::Names;

const ROLES: [Role; 3] = [Role::Gateway, Role::Worker, Role::Results];

/// How one cluster is set up: an entry of clusters.json.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Plan {
    /// What it is for.
    #[serde(rename = "about")]
    pub(crate) _about: String,
    /// Settings of every process.
    #[serde(default)]
    set: HashMap<String, String>,
    /// Two worker roles: the second is there to take over from the first.
    #[serde(default)]
    two_workers: bool,
    /// A gateway that speaks TLS, and nothing else.
    #[serde(default)]
    tls: bool,
}

/// Every cluster that a case has needed so far.
pub(crate) struct World {
    plans: HashMap<String, Plan>,
    sites: HashMap<String, Site>,
    certificates: Certificates,
}

/// A running cluster with a proxy before each role.
pub(crate) struct Site {
    cluster: Cluster,
    proxies: Vec<(Role, Proxy)>,
    pub(crate) direct: Client,
    /// The worker role that the proxy leads to.
    worker: usize,
    tls: bool,
    /// Who was killed and not started again.
    down: Vec<Role>,
}

/// What happens to a cluster.
#[derive(Debug, Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Fault {
    /// Every connection to the role is cut.
    Cut,
    /// Nothing passes to or from the role any more.
    Freeze,
    /// What the role says does not pass any more.
    Mute,
    /// Ends `freeze` and `mute`.
    Thaw,
    /// `kill -9`.
    Kill,
    /// Starts the role that was killed, and waits until it is ready.
    Start,
    /// A rolling update: new connections go to the second worker role, and the first is told to end.
    Replace,
    /// SIGTERM, a clean end, and a new life.
    Restart,
}

impl World {
    pub(crate) fn new(folder: &Path) -> Result<Self, String> {
        let path = folder.join("clusters.json");
        let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let plans = serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Self {
            plans,
            sites: HashMap::new(),
            certificates: Certificates::new()?,
        })
    }

    pub(crate) fn knows(&self, name: &str) -> bool {
        self.plans.contains_key(name)
    }

    /// The cluster of this name, started if it does not run yet.
    pub(crate) async fn site(&mut self, name: &str) -> Result<&mut Site, String> {
        if !self.sites.contains_key(name) {
            let plan = self
                .plans
                .get(name)
                .ok_or_else(|| format!("no cluster `{name}` in clusters.json"))?;
            let site = Site::start(plan, &self.certificates).await;
            self.sites.insert(name.to_owned(), site);
        }
        self.sites.get_mut(name).ok_or_else(|| "just inserted".to_owned())
    }

    /// What the names of a case stand for from the beginning.
    pub(crate) async fn names(&mut self, cluster: &str) -> Result<Names, String> {
        let certificates = self.certificates.names();
        let site = self.site(cluster).await?;
        let mut names = site.names();
        names.extend(certificates);
        Ok(names)
    }

    /// Insists that no process of any cluster has panicked.
    pub(crate) fn check_logs(&self) {
        self.sites.values().for_each(|site| site.cluster.check_logs(false));
    }
}

impl Site {
    async fn start(plan: &Plan, certificates: &Certificates) -> Self {
        let (workers, results) = if plan.tls {
            (0, 0)
        } else {
            (1 + usize::from(plan.two_workers), 1)
        };
        let mut builder = Cluster::of(1, workers, results);
        for (key, value) in &plan.set {
            builder = builder.set(key, value.clone());
        }
        if plan.tls {
            builder = builder
                .set("tls.cert", certificates.path("cert.pem"))
                .set("tls.key", certificates.path("key.pem"));
        }
        let mut cluster = builder.start().await;
        let mut proxies = Vec::new();
        for role in ROLES {
            if plan.tls && role != Role::Gateway {
                continue;
            }
            proxies.push((role, Proxy::start(cluster.get(role, 0).port).await));
        }
        let direct = cluster.client();
        Self {
            cluster,
            proxies,
            direct,
            worker: 0,
            tls: plan.tls,
            down: Vec::new(),
        }
    }

    fn proxy(&self, role: Role) -> Result<&Proxy, String> {
        let found = self.proxies.iter().find(|(of, _)| *of == role);
        found
            .map(|(_, proxy)| proxy)
            .ok_or_else(|| format!("this cluster has no {role}"))
    }

    fn names(&self) -> Names {
        let url = |scheme: &str, role| match self.proxy(role) {
            Ok(proxy) if scheme == "https" => json!(format!("https://localhost:{}", proxy.port)),
            Ok(proxy) => json!(format!("{scheme}://127.0.0.1:{}", proxy.port)),
            Err(_) => Value::Null,
        };
        let scheme = if self.tls { "https" } else { "http" };
        let plain = |role| url(scheme, role);
        [
            ("url", plain(Role::Gateway)),
            ("results_url", plain(Role::Results)),
            ("worker_url", plain(Role::Worker)),
            ("as_http", url("http", Role::Gateway)),
            ("as_https", url("https", Role::Gateway)),
            ("dead_url", json!(format!("http://127.0.0.1:{}", free_port()))),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
    }

    /// Number of the worker role that the proxy leads to.
    pub(crate) fn worker(&self) -> usize {
        self.worker
    }

    pub(crate) async fn suffer(&mut self, fault: Fault, role: Role) -> Result<(), String> {
        let number = if role == Role::Worker { self.worker } else { 0 };
        match fault {
            Fault::Cut => self.proxy(role)?.cut(),
            Fault::Freeze => self.proxy(role)?.freeze(),
            Fault::Mute => self.proxy(role)?.mute_server(),
            Fault::Thaw => self.proxy(role)?.thaw(),
            Fault::Kill => {
                self.cluster.get(role, number).kill();
                self.down.push(role);
            }
            Fault::Start => {
                self.down.retain(|down| *down != role);
                let instance = self.cluster.get(role, number);
                instance.start();
                instance.wait_ready().await;
            }
            Fault::Restart => {
                let instance = self.cluster.get(role, number);
                instance.signal("TERM");
                instance.wait_clean_end().await;
                instance.start();
                instance.wait_ready().await;
            }
            Fault::Replace => self.replace(role).await?,
        }
        Ok(())
    }

    async fn replace(&mut self, role: Role) -> Result<(), String> {
        if role != Role::Worker {
            return Err("only the worker role has a second process".to_owned());
        }
        let (old, new) = (self.worker, 1 - self.worker);
        let port = self.cluster.get(role, new).port;
        self.proxy(role)?.lead_to(port);
        self.worker = new;
        let instance = self.cluster.get(role, old);
        instance.signal("TERM");
        instance.wait_clean_end().await;
        // For the next case: started now, so that it has time to become ready.
        instance.start();
        Ok(())
    }

    /// Undoes what a case left behind.
    pub(crate) async fn restore(&mut self) {
        self.proxies.iter().for_each(|(_, proxy)| proxy.thaw());
        for role in std::mem::take(&mut self.down) {
            let number = if role == Role::Worker { self.worker } else { 0 };
            self.cluster.get(role, number).start();
        }
        self.cluster.wait_ready().await;
    }
}

/// The name of a role in a case.
pub(crate) fn role(name: &str) -> Result<Role, String> {
    ROLES
        .into_iter()
        .find(|role| role.to_string() == name)
        .ok_or_else(|| format!("`{name}` is no role"))
}

/// Two authorities, and a certificate that the first has signed.
struct Certificates {
    folder: TempDir,
}

impl Certificates {
    fn new() -> Result<Self, String> {
        let folder = tempfile::Builder::new().prefix("tidemill-conformance-").tempdir();
        let this = Self {
            folder: folder.map_err(|error| format!("no folder for the certificates: {error}"))?,
        };
        this.make().map_err(|error| format!("certificates: {error}"))?;
        Ok(this)
    }

    fn make(&self) -> Result<(), Box<dyn std::error::Error>> {
        // Their names differ, so that no library takes one for the other.
        let authority = |name: &str| -> Result<CertifiedIssuer<'static, KeyPair>, rcgen::Error> {
            let mut params = CertificateParams::new(Vec::new())?;
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params.distinguished_name.push(rcgen::DnType::CommonName, name);
            CertifiedIssuer::self_signed(params, KeyPair::generate()?)
        };
        let (ca, stranger, key) = (authority("Tidemill")?, authority("Stranger")?, KeyPair::generate()?);
        let params = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()])?;
        let cert = params.signed_by(&key, &ca)?;
        let files = [
            ("ca.pem", ca.pem()),
            ("stranger.pem", stranger.pem()),
            ("cert.pem", cert.pem()),
            ("key.pem", key.serialize_pem()),
        ];
        for (name, text) in files {
            std::fs::write(self.folder.path().join(name), text)?;
        }
        Ok(())
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn names(&self) -> Names {
        let file = |name: &str, file| (name.to_owned(), json!(self.path(file)));
        Names::from([file("ca", "ca.pem"), file("strange_ca", "stranger.pem")])
    }
}
