//! An identity provider on this machine, to try signing in with Clerk or OpenID Connect without an account anywhere:
//!
//! `cargo run -p mc-testkit --example issuer -- issuer.env`
//!
//! It writes the settings for the server and two tokens into the file and runs until it is stopped.

use mc_model::{Clock, SystemClock};
use mc_testkit::TestIssuer;
use mc_testkit::issuer::{ADMIN_GROUP, ADMIN_ORGANIZATION, AUDIENCE, CLERK_SECRET};
use serde_json::json;

/// How long the tokens are good, in seconds.
const HOUR: i64 = 3600;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let Some(file) = std::env::args().nth(1) else {
        eprintln!("usage: issuer FILE   (the settings and tokens are written there)");
        std::process::exit(2);
    };
    let issuer = TestIssuer::start().await;
    issuer.add_clerk_user("user_ann", "Ann", "ann@example.com");
    issuer.add_clerk_user("user_ben", "Ben", "ben@example.com");
    let now = SystemClock.now();
    let until = now.micros() / 1_000_000 + HOUR;
    let token = |name: &str, groups: &[&str]| {
        let claims = json!({
            "exp": until, "aud": AUDIENCE, "name": name, "groups": groups,
            "email": format!("{}@example.com", name.to_lowercase()), "email_verified": true,
        });
        issuer.token(&format!("user_{}", name.to_lowercase()), now, claims)
    };
    let url = issuer.url();
    let settings = format!(
        "export OIDC_ISSUER={url}\nexport OIDC_AUDIENCE={AUDIENCE}\n\
         export OIDC_ADMIN_GROUP={ADMIN_GROUP}\nexport OIDC_ADMIN_ORGANIZATION={ADMIN_ORGANIZATION}\n\
         export CLERK_API_URL={url}\nexport CLERK_SECRET_KEY={CLERK_SECRET}\nexport CLERK_AUDIENCE={AUDIENCE}\n\
         ANN={}\nBEN={}\n",
        token("Ann", &[ADMIN_GROUP]),
        token("Ben", &[]),
    );
    std::fs::write(&file, settings)?;
    println!(
        "{url} issues tokens; settings and two tokens, good for an hour, are in {file}. Ctrl-C stops it."
    );
    tokio::signal::ctrl_c().await
}
