//! The servers under test, each a process of its own, and what the system knows of them.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::Outcome;
use crate::client::{Connection, request};
use crate::world::USER_TOKEN;

/// How long a server may take until it is ready.
const START: Duration = Duration::from_secs(30);
/// The unit of processor time in `/proc`, the same on every Linux.
const TICK: Duration = Duration::from_millis(10);

/// A running server; killed when dropped.
pub struct Server {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
    /// From its start until it said that it is ready.
    pub ready_after: Duration,
}

/// The two programs.
#[derive(Clone, Debug)]
pub struct Programs {
    product: PathBuf,
    floor: PathBuf,
}

impl Programs {
    /// The programs of this build: `mission-control` stands beside this one.
    pub fn find() -> Outcome<Self> {
        let floor = std::env::current_exe()?;
        let product = floor.with_file_name(format!("mission-control{}", std::env::consts::EXE_SUFFIX));
        if !product.is_file() {
            return Err(format!("{} is not there; use `make bench`", product.display()).into());
        }
        Ok(Self { product, floor })
    }

    /// Starts the product on the database `url`; its log goes to a file in `folder`.
    pub async fn product(&self, url: &str, folder: &Path) -> Outcome<Server> {
        let mut command = Command::new(&self.product);
        command.arg("serve").current_dir(folder).stdout(File::create(folder.join("server.log"))?);
        command.envs([
            ("HOST", "127.0.0.1"),
            ("PORT", "0"),
            ("DATABASE_URL", url),
            ("DATA_DIR", "."),
            ("LOCAL_AUTH_TOKEN", USER_TOKEN),
            ("RATE_LIMIT_AGENT_AUTH", "0"),
        ]);
        Server::start(command).await
    }

    /// Starts the floor on the SQLite file `database`.
    pub async fn floor(&self, database: &Path) -> Outcome<Server> {
        let mut command = Command::new(&self.floor);
        command.arg("floor").arg(database).stdout(Stdio::null());
        Server::start(command).await
    }
}

impl Server {
    async fn start(mut command: Command) -> Outcome<Self> {
        let started = Instant::now();
        let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let stderr = child.stderr.take().ok_or("a server has no standard error")?;
        let (port, said) = mpsc::channel();
        std::thread::spawn(move || listen(stderr, &port));
        // Bound to the server now, so that an error below kills the process.
        let mut server = Self { child, address: (Ipv4Addr::LOCALHOST, 0).into(), ready_after: START };
        let port = said.recv_timeout(START).map_err(|_| "a server did not say where it listens")??;
        server.address.set_port(port);
        server.wait_until_ready(started).await?;
        server.ready_after = started.elapsed();
        Ok(server)
    }

    async fn wait_until_ready(&self, started: Instant) -> Outcome<()> {
        let ask = request("GET", "/readyz", &[], None);
        while started.elapsed() < START {
            if let Ok(mut connection) = Connection::open(self.address).await
                && let Ok(answer) = connection.exchange(&ask).await
                && answer.status == 200
            {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Err("a server did not become ready".into())
    }

    /// Processor time used so far; nothing where the system does not say.
    pub fn processor_time(&self) -> Option<Duration> {
        processor_time_of(self.child.id())
    }

    /// Resident memory in bytes; nothing where the system does not say.
    pub fn resident(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        let kilobytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
        Some(kilobytes * 1024)
    }
}

/// Processor time used so far by the process `id`; nothing where the system does not say.
pub fn processor_time_of(id: u32) -> Option<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name of the program may hold spaces; it ends with the last bracket.
    let fields: Vec<_> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    const USER: usize = 11;
    let ticks: u32 = fields.get(USER..USER + 2)?.iter().filter_map(|ticks| ticks.parse::<u32>().ok()).sum();
    Some(TICK * ticks)
}

impl Drop for Server {
    fn drop(&mut self) {
        // A server that has ended already is as good.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Sends the port of the first line with an address, then keeps the pipe empty.
fn listen(stderr: ChildStderr, port: &mpsc::Sender<Outcome<u16>>) {
    let mut unasked = String::new();
    for line in BufReader::new(stderr).lines().map_while(Result::ok) {
        match port_in(&line) {
            // Nobody listens any more after the first one.
            Some(found) => drop(port.send(Ok(found))),
            None => {
                unasked.push_str(&line);
                unasked.push('\n');
                eprintln!("  {line}");
            }
        }
    }
    port.send(Err(format!("a server stopped: {unasked}").into())).ok();
}

fn port_in(line: &str) -> Option<u16> {
    let (_, address) = line.split_once(" is up: http://")?;
    let address = address.split(' ').next()?;
    // The listening line may show colours.
    let digits: String = address.rsplit(':').next()?.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::port_in;

    #[test]
    fn ports_are_read_from_the_first_line() {
        assert_eq!(port_in("The floor is up: http://127.0.0.1:4711"), Some(4711));
        let line = "Mission Control is up: http://localhost:80 \u{2014} sign in with a token: x:9";
        assert_eq!(port_in(line), Some(80));
        assert_eq!(port_in("warning: http://localhost:80"), None);
    }
}
