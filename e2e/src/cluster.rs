//! A Redis and the role processes over it.

use tempfile::TempDir;
use tidemill_test_server::{TestServer, free_port};

use crate::{
    client::Client,
    handler::{HandlerOptions, Journal},
    instance::{Instance, Role},
    process::{Process, binary},
};

/// The variable that sets a key of the configuration.
#[must_use]
pub fn environment(key: &str) -> String {
    format!("TIDEMILL_{}", key.replace('.', "_").to_ascii_uppercase())
}

/// What to start.
#[derive(Debug)]
pub struct ClusterBuilder {
    counts: [(Role, usize); 3],
    settings: Vec<(String, String)>,
    variables: Vec<(String, String)>,
    server_settings: Vec<(&'static str, &'static str)>,
    server: Option<TestServer>,
}

impl ClusterBuilder {
    /// Over this server instead of a new one.
    #[must_use]
    pub fn over(mut self, server: TestServer) -> Self {
        self.server = Some(server);
        self
    }

    /// Sets a key of the configuration of every process.
    #[must_use]
    pub fn set(mut self, key: &str, value: impl Into<String>) -> Self {
        self.settings.push((key.to_owned(), value.into()));
        self
    }

    /// Sets a variable that is no key of the configuration, for every process.
    #[must_use]
    pub fn variable(mut self, name: &str, value: impl Into<String>) -> Self {
        self.variables.push((name.to_owned(), value.into()));
        self
    }

    /// Sets a setting of Redis.
    #[must_use]
    pub fn server_set(mut self, key: &'static str, value: &'static str) -> Self {
        self.server_settings.push((key, value));
        self
    }

    /// Starts Redis and the processes without waiting for them.
    #[must_use]
    pub fn launch(self) -> Cluster {
        let server = self
            .server
            .unwrap_or_else(|| TestServer::start_with(&self.server_settings));
        let folder = tempfile::Builder::new()
            .prefix("tidemill-e2e-")
            .tempdir()
            .expect("a folder for the logs");
        let journal = Journal::new(folder.path().join("journal"));
        let mut cluster = Cluster {
            instances: Vec::new(),
            handlers: 0,
            settings: self.settings,
            variables: self.variables,
            journal,
            folder,
            server,
        };
        for (role, count) in self.counts {
            for number in 0..count {
                let instance = cluster.instance(role, number);
                cluster.instances.push(instance);
            }
        }
        cluster
    }

    /// Starts Redis and the processes, and waits until all of them are ready.
    pub async fn start(self) -> Cluster {
        let mut cluster = self.launch();
        cluster.wait_ready().await;
        cluster
    }
}

/// A running system. Dropping it kills everything.
#[derive(Debug)]
pub struct Cluster {
    // Dropped in this order: the roles must not outlive the test, and the folder must outlive them.
    instances: Vec<Instance>,
    handlers: usize,
    settings: Vec<(String, String)>,
    variables: Vec<(String, String)>,
    journal: Journal,
    folder: TempDir,
    /// Its Redis.
    pub server: TestServer,
}

impl Cluster {
    /// So many processes of each role; a lease of 2 s, so that tests are quick.
    #[must_use]
    pub fn of(gateways: usize, workers: usize, results: usize) -> ClusterBuilder {
        let counts = [
            (Role::Gateway, gateways),
            (Role::Worker, workers),
            (Role::Results, results),
        ];
        let settings = Vec::new();
        ClusterBuilder {
            counts,
            settings,
            variables: Vec::new(),
            server_settings: Vec::new(),
            server: None,
        }
        .set("rules.lease_ttl", "2s")
    }

    fn instance(&self, role: Role, number: usize) -> Instance {
        let (port, admin) = (free_port(), free_port());
        let own = [
            ("redis.url".to_owned(), self.server.url()),
            (format!("{role}.listen"), format!("127.0.0.1:{port}")),
            (format!("{role}.admin_listen"), format!("127.0.0.1:{admin}")),
            ("log.format".to_owned(), "json".to_owned()),
        ];
        let all = own.iter().chain(&self.settings);
        let variables = all.map(|(key, value)| (environment(key), value.clone()));
        let variables = variables.chain(self.variables.iter().cloned()).collect();
        let program = binary("tidemill");
        Instance::new(&program, role, number, (port, admin), variables, self.folder.path())
    }

    /// Waits until every process that runs says that it is ready.
    pub async fn wait_ready(&mut self) {
        for instance in self.instances.iter_mut().filter(|instance| instance.is_running()) {
            instance.wait_ready().await;
        }
    }

    /// The n-th process of a role.
    pub fn get(&mut self, role: Role, number: usize) -> &mut Instance {
        let mut of_role = self.instances.iter_mut().filter(|instance| instance.role == role);
        of_role
            .nth(number)
            .unwrap_or_else(|| panic!("there is no {role} {number}"))
    }

    /// All of them.
    #[must_use]
    pub fn instances(&self) -> &[Instance] {
        &self.instances
    }

    fn ports(&self, role: Role) -> Vec<u16> {
        self.instances
            .iter()
            .filter(|instance| instance.role == role)
            .map(|instance| instance.port)
            .collect()
    }

    /// A client of all its replicas.
    #[must_use]
    pub fn client(&self) -> Client {
        Client::new(
            &self.ports(Role::Gateway),
            &self.ports(Role::Worker),
            &self.ports(Role::Results),
        )
    }

    /// The Rust client, set up for the first process of each role that is there.
    pub fn rust_client(&self) -> tidemill_client::ClientBuilder {
        let url = |role: Role| {
            let first = self.instances.iter().find(|instance| instance.role == role);
            first.map(Instance::url)
        };
        let builder = tidemill_client::Client::builder(url(Role::Gateway).expect("a gateway"));
        let builder = url(Role::Worker)
            .into_iter()
            .fold(builder, |builder, url| builder.worker_url(url));
        url(Role::Results)
            .into_iter()
            .fold(builder, |builder, url| builder.results_url(url))
    }

    /// Starts a handler process that tries these workers, by number, in turn.
    pub fn handler(&mut self, options: &HandlerOptions, workers: &[usize]) -> Process {
        let ports = self.ports(Role::Worker);
        let urls: Vec<String> = workers
            .iter()
            .map(|&number| format!("http://127.0.0.1:{}", ports[number]))
            .collect();
        let name = format!("handler-{}", self.handlers);
        self.handlers += 1;
        options.start(
            &name,
            &urls,
            self.journal.path(),
            &self.folder.path().join(format!("{name}.log")),
        )
    }

    /// What the handler processes ran.
    #[must_use]
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// A folder that lives as long as the cluster.
    #[must_use]
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Ends every role process with SIGTERM and insists on exit code 0.
    pub async fn stop(&mut self) {
        for instance in &mut self.instances {
            instance.signal("TERM");
        }
        for instance in &mut self.instances {
            instance.wait_clean_end().await;
        }
    }

    /// Insists that no process has panicked, and with `errors` that none has logged at level ERROR.
    pub fn check_logs(&self, errors: bool) {
        for instance in &self.instances {
            let log = instance.log();
            let bad = |line: &&str| {
                let panic = line.contains("panicked at") || line.contains("\"message\":\"panic\"");
                panic || (errors && line.contains("\"level\":\"ERROR\""))
            };
            let found: Vec<&str> = log.lines().filter(bad).take(10).collect();
            assert!(found.is_empty(), "{} logged:\n{}", instance.name(), found.join("\n"));
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        for entry in std::fs::read_dir(self.folder.path()).into_iter().flatten().flatten() {
            let text = std::fs::read_to_string(entry.path()).unwrap_or_default();
            let lines: Vec<&str> = text.lines().collect();
            let tail = lines
                .iter()
                .skip(lines.len().saturating_sub(30))
                .map(|line| line.get(..400).unwrap_or(line));
            eprintln!("--- {}", entry.file_name().display());
            tail.for_each(|line| eprintln!("{line}"));
        }
    }
}
