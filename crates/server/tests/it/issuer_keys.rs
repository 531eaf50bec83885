//! Key rotation and outages of the issuer, from end to end in both modes that take signed tokens.

use std::time::Duration;

use mc_testkit::{Backend, Health, TestApp, TestIssuer, db_test};

use crate::attacks::{Mode, first_question, me};

async fn both(backend: Backend) -> [(Mode, TestIssuer, TestApp); 2] {
    let one = async |mode: Mode| {
        let issuer = TestIssuer::start().await;
        let app = mode.app(backend, &issuer).await;
        (mode, issuer, app)
    };
    [one(Mode::Clerk).await, one(Mode::Oidc).await]
}

fn token(mode: Mode, issuer: &TestIssuer, app: &TestApp) -> String {
    issuer.key().token(&mode.claims(issuer, app))
}

async fn status(mode: Mode, issuer: &TestIssuer, app: &TestApp) -> u16 {
    me(app, &token(mode, issuer, app)).await.status.as_u16()
}

#[db_test]
async fn a_new_key_is_found_and_a_withdrawn_one_no_longer_taken(backend: Backend) {
    for (mode, issuer, app) in both(backend).await {
        assert_eq!(status(mode, &issuer, &app).await, 200, "{mode:?}");
        let old = issuer.key();
        issuer.rotate();
        assert_eq!(status(mode, &issuer, &app).await, 401, "{mode:?}: asked a moment ago");
        app.clock().advance(Duration::from_secs(60));
        assert_eq!(status(mode, &issuer, &app).await, 200, "{mode:?}: the new key");
        assert_eq!(issuer.requests(mode.keys()), 2, "{mode:?}");
        let stale = old.token(&mode.claims(&issuer, &app));
        assert_eq!(me(&app, &stale).await.status, 401, "{mode:?}: the old key is withdrawn");

        app.clock().advance(Duration::from_secs(60));
        let second = issuer.key();
        issuer.add_key();
        assert_eq!(status(mode, &issuer, &app).await, 200, "{mode:?}: a key was added");
        let claims = mode.claims(&issuer, &app);
        assert_eq!(me(&app, &second.token(&claims)).await.status, 200, "{mode:?}: and the one before stays");
    }
}

#[db_test]
async fn a_withdrawn_key_ends_even_if_nobody_uses_a_new_one(backend: Backend) {
    for (mode, issuer, app) in both(backend).await {
        assert_eq!(status(mode, &issuer, &app).await, 200, "{mode:?}");
        let old = issuer.key();
        issuer.rotate();
        app.clock().advance(Duration::from_secs(299));
        assert_eq!(
            me(&app, &old.token(&mode.claims(&issuer, &app))).await.status,
            200,
            "{mode:?}: not known yet"
        );
        // An hour in which nobody came: the next request waits for the keys.
        app.clock().advance(Duration::from_secs(3600));
        assert_eq!(me(&app, &old.token(&mode.claims(&issuer, &app))).await.status, 401, "{mode:?}");
    }
}

#[db_test]
async fn an_outage_in_the_middle_stops_nobody_who_has_a_known_key(backend: Backend) {
    for (mode, issuer, app) in both(backend).await {
        assert_eq!(status(mode, &issuer, &app).await, 200, "{mode:?}");
        for health in [Health::Down, Health::Broken] {
            issuer.turn(health);
            for minutes in [1, 5, 10, 120, 600] {
                app.clock().advance(Duration::from_secs(minutes * 60));
                assert_eq!(status(mode, &issuer, &app).await, 200, "{mode:?} {health:?} {minutes} minutes");
            }
        }
        issuer.rotate();
        assert_eq!(status(mode, &issuer, &app).await, 401, "{mode:?}: a key that nobody can be asked about");
        issuer.turn(Health::Up);
        app.clock().advance(Duration::from_secs(60));
        assert_eq!(status(mode, &issuer, &app).await, 200, "{mode:?}: over");
    }
}

#[db_test]
async fn a_server_starts_without_its_issuer_and_says_when_to_come_back(backend: Backend) {
    for mode in Mode::ALL {
        let issuer = TestIssuer::start().await;
        for health in [Health::Down, Health::Broken] {
            issuer.turn(health);
            let app = mode.app(backend, &issuer).await;
            assert_eq!(app.get(&mc_testkit::Actor::anonymous(), "/readyz").await.status, 200, "{mode:?}");
            let answer = me(&app, &token(mode, &issuer, &app)).await;
            assert_eq!(answer.status, 503, "{mode:?} {health:?}: {answer}");
            assert_eq!(answer.header("retry-after"), Some("5"), "{mode:?}");
            assert!(answer.text().contains("identity provider"), "{answer}");
            assert_eq!(me(&app, "no-token").await.status, 401, "{mode:?}: what is no token needs no keys");

            issuer.turn(Health::Up);
            let asked = issuer.requests(first_question(mode));
            assert_eq!(status(mode, &issuer, &app).await, 503, "{mode:?}: not asked again at once");
            assert_eq!(issuer.requests(first_question(mode)), asked, "{mode:?}");
            app.clock().advance(Duration::from_secs(5));
            assert_eq!(status(mode, &issuer, &app).await, 200, "{mode:?} {health:?}: over");
        }
    }
}
