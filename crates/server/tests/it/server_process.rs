//! The real program as a child process, in a folder of its own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, ExitStatus, Output, Stdio};

/// The program, with nothing of this process's environment but what a program needs to run.
pub fn program(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mission-control"));
    command.current_dir(folder).env_clear();
    command
}

/// Runs the program to its end.
pub fn run(folder: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = program(folder);
    command.args(arguments).envs(environment.iter().copied());
    command.output().expect("the program starts")
}

/// A running server on a free port. Killed when dropped.
pub struct ServerProcess {
    child: Child,
    stderr: BufReader<ChildStderr>,
    /// The line with which it said that it is up.
    pub sign_in_line: String,
    port: u16,
}

impl ServerProcess {
    /// Starts the server in `folder` and waits until it says that it is up.
    pub fn start(folder: &Path, environment: &[(&str, &str)]) -> Self {
        let mut command = program(folder);
        command.env("PORT", "0").envs(environment.iter().copied());
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let mut stderr = BufReader::new(child.stderr.take().expect("piped"));
        let mut sign_in_line = String::new();
        stderr.read_line(&mut sign_in_line).expect("a line");
        let port = sign_in_line
            .split_once("http://localhost:")
            .and_then(|(_, rest)| rest.split_whitespace().next())
            .and_then(|port| port.parse().ok())
            .unwrap_or_else(|| panic!("no port in {sign_in_line:?}"));
        Self { child, stderr, sign_in_line, port }
    }

    /// Where it listens, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Ends the server as a power cut would: with SIGKILL, in the middle of whatever it does.
    pub fn kill(self) {
        drop(self);
    }

    /// A connection.
    pub fn connect(&self) -> TcpStream {
        TcpStream::connect(("127.0.0.1", self.port)).expect("connected")
    }

    /// A connection on which a GET request for `path` was sent.
    pub fn send(&self, path: &str, token: &str) -> TcpStream {
        let mut stream = self.connect();
        let head = format!(
            "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nauthorization: Bearer {token}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).expect("sent");
        stream
    }

    /// The whole answer to a GET request.
    pub fn get(&self, path: &str, token: &str) -> String {
        let mut answer = String::new();
        self.send(path, token).read_to_string(&mut answer).expect("an answer");
        answer
    }

    /// Sends the signal that asks the server to stop.
    pub fn terminate(&self) {
        let status = Command::new("kill").arg("-TERM").arg(self.child.id().to_string()).status();
        assert!(status.expect("kill runs").success());
    }

    /// Waits for the end; what the server wrote to standard error meanwhile comes along.
    pub fn wait(mut self) -> (ExitStatus, String) {
        let mut rest = String::new();
        self.stderr.read_to_string(&mut rest).expect("text");
        (self.child.wait().expect("ended"), rest)
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        // Both fail when the process has ended already, which is as well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
