//! A TCP proxy whose connections can be cut in mid-stream, held up, or led elsewhere.

#![expect(
    clippy::disallowed_methods,
    reason = "what carries a test's bytes ends with the test"
)]

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU16, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::{AbortHandle, JoinHandle},
    time::{Instant, sleep_until},
};

/// Forwards every connection to one port until it is dropped.
#[derive(Debug)]
pub struct Proxy {
    /// Where it listens, on the loopback address.
    pub port: u16,
    accepting: JoinHandle<()>,
    open: Arc<Mutex<Vec<AbortHandle>>>,
    cuts: AtomicUsize,
    target: Arc<AtomicU16>,
    /// Whether bytes may pass: to the server, and to the client.
    gates: [watch::Sender<bool>; 2],
    weather: Arc<Weather>,
}

/// What befalls the bytes on their way.
#[derive(Debug, Default)]
struct Weather {
    /// In ms, each way.
    latency: AtomicU64,
    /// Connections whose next reply is lost.
    swallow: AtomicUsize,
}

impl Weather {
    /// Whether this reply is one of those to be lost.
    fn takes_reply(&self) -> bool {
        let taken = self
            .swallow
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        taken.is_ok()
    }
}

impl Proxy {
    /// Starts one to this port of the loopback address.
    pub async fn start(target: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let open = Arc::new(Mutex::new(Vec::<AbortHandle>::new()));
        let target = Arc::new(AtomicU16::new(target));
        let gates = [watch::Sender::new(true), watch::Sender::new(true)];
        let (connections, to) = (Arc::clone(&open), Arc::clone(&target));
        let ears = gates.each_ref().map(watch::Sender::subscribe);
        let weather = Arc::new(Weather::default());
        let of_all = Arc::clone(&weather);
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let forward = tokio::spawn(forward(
                    client,
                    to.load(Ordering::Relaxed),
                    ears.clone(),
                    Arc::clone(&of_all),
                ));
                let mut open = connections.lock().expect("lock");
                open.retain(|connection| !connection.is_finished());
                open.push(forward.abort_handle());
            }
        });
        Self {
            port,
            accepting,
            open,
            cuts: AtomicUsize::new(0),
            target,
            gates,
            weather,
        }
    }

    /// Every byte takes this long, each way; what is sent in between goes on being sent.
    pub fn delay(&self, latency: Duration) {
        let ms = u64::try_from(latency.as_millis()).unwrap_or(u64::MAX);
        self.weather.latency.store(ms, Ordering::Relaxed);
    }

    /// The next so many replies are lost, and the connection of each is cut: the server did what it was asked, and nobody hears of it.
    pub fn lose_replies(&self, count: usize) {
        self.weather.swallow.store(count, Ordering::Relaxed);
    }

    /// How many replies are still to be lost.
    #[must_use]
    pub fn replies_to_lose(&self) -> usize {
        self.weather.swallow.load(Ordering::Relaxed)
    }

    /// Cuts every open connection, whatever is on its way.
    pub fn cut(&self) {
        for connection in self.open.lock().expect("lock").drain(..) {
            if !connection.is_finished() {
                self.cuts.fetch_add(1, Ordering::Relaxed);
                connection.abort();
            }
        }
    }

    /// How many connections were cut.
    #[must_use]
    pub fn cuts(&self) -> usize {
        self.cuts.load(Ordering::Relaxed)
    }

    /// Nothing passes any more, in either direction, not even the end of a connection; connections stay open and new ones are taken.
    pub fn freeze(&self) {
        for gate in &self.gates {
            gate.send_replace(false);
        }
    }

    /// What the server says does not pass any more; what the client says does.
    pub fn mute_server(&self) {
        self.gates[1].send_replace(false);
    }

    /// Ends [`freeze`](Self::freeze) and [`mute_server`](Self::mute_server): what was held up goes on.
    pub fn thaw(&self) {
        for gate in &self.gates {
            gate.send_replace(true);
        }
    }

    /// Leads new connections to another port; those that are open stay where they are.
    pub fn lead_to(&self, target: u16) {
        self.target.store(target, Ordering::Relaxed);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.cut();
    }
}

async fn forward(client: TcpStream, target: u16, [up, down]: [watch::Receiver<bool>; 2], weather: Arc<Weather>) {
    // Nobody there: the client's connection is closed, as by a proxy whose backend is away.
    let Ok(server) = TcpStream::connect(("127.0.0.1", target)).await else {
        return;
    };
    // Small messages of a conversation, not bulk.
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let to_server = pump(from_client, to_server, up, &weather, false);
    let to_client = pump(from_server, to_client, down, &weather, true);
    // An error of one direction drops, and so closes, both connections.
    drop(tokio::try_join!(to_server, to_client));
}

async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut gate: watch::Receiver<bool>,
    weather: &Weather,
    replies: bool,
) -> Result<(), std::io::Error> {
    /// Bytes under way, with the time at which they arrive.
    const UNDER_WAY: usize = 256;
    let mut buffer = vec![0; 16 * 1024];
    let mut under_way: VecDeque<(Instant, Vec<u8>)> = VecDeque::new();
    let mut ended = false;
    loop {
        let arrival = under_way.front().map(|(at, _)| *at);
        tokio::select! {
            read = from.read(&mut buffer), if !ended && under_way.len() < UNDER_WAY => {
                let read = read?;
                if gate.wait_for(|open| *open).await.is_err() {
                    return Ok(());
                }
                if replies && read > 0 && weather.takes_reply() {
                    return Err(std::io::ErrorKind::ConnectionReset.into());
                }
                ended = read == 0;
                let latency = Duration::from_millis(weather.latency.load(Ordering::Relaxed));
                if latency.is_zero() && under_way.is_empty() {
                    to.write_all(&buffer[..read]).await?;
                } else if read > 0 {
                    under_way.push_back((Instant::now() + latency, buffer[..read].to_vec()));
                }
            }
            () = sleep_until(arrival.unwrap_or_else(Instant::now)), if arrival.is_some() => {
                if let Some((_, bytes)) = under_way.pop_front() {
                    to.write_all(&bytes).await?;
                }
            }
        }
        if ended && under_way.is_empty() {
            return to.shutdown().await;
        }
    }
}
