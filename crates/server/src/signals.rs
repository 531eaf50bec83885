//! The system's wish that the process ends.

use crate::serve::Shutdown;

/// The signals that stop the server, from now on.
#[derive(Debug)]
pub struct Signals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    /// Takes over SIGTERM and SIGINT (elsewhere: Ctrl-C).
    ///
    /// # Errors
    /// When the system does not let the process handle them.
    pub fn listen() -> std::io::Result<Self> {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            Ok(Self {
                terminate: signal(SignalKind::terminate())?,
                interrupt: signal(SignalKind::interrupt())?,
            })
        }
        #[cfg(not(unix))]
        Ok(Self {})
    }

    async fn next(&mut self) {
        #[cfg(unix)]
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
        #[cfg(not(unix))]
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Turns the first signal into [`Shutdown::stop`] and the second into [`Shutdown::now`]. Ends after that.
    pub async fn steer(mut self, shutdown: Shutdown) {
        self.next().await;
        tracing::info!("app.lifecycle.stopping");
        shutdown.stop.cancel();
        self.next().await;
        shutdown.now.cancel();
    }
}
