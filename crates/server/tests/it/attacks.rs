//! Tokens that prove nothing, and what they must not be able to cause. Every case runs in both modes that take signed
//! tokens, for they have one verifier.

use axum::http::header::{AUTHORIZATION, COOKIE};
use axum::http::{HeaderValue, Method, StatusCode};
use mc_model::Clock;
use mc_testkit::issuer::{self, AUDIENCE, hs256_token, token_signed};
use mc_testkit::{Actor, Answer, Backend, Health, TestApp, TestIssuer, app};
use serde_json::{Value, json};

const ME: &str = "/api/v1/users/me";

/// A mode that takes signed tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Clerk,
    Oidc,
}

impl Mode {
    pub(crate) const ALL: [Self; 2] = [Self::Clerk, Self::Oidc];

    /// Where this mode asks for keys.
    pub(crate) fn keys(self) -> &'static str {
        match self {
            Self::Clerk => "GET /v1/jwks",
            Self::Oidc => "GET /keys",
        }
    }

    /// An application that trusts `issuer`.
    pub(crate) async fn app(self, backend: Backend, issuer: &TestIssuer) -> TestApp {
        let builder = TestApp::builder(backend);
        match self {
            Self::Clerk => {
                issuer.add_clerk_user("user_1", "Ann", "ann@example.com");
                let settings = issuer.clerk_settings();
                builder.sign_in(move |clock| issuer::clerk(&settings, clock)).start().await
            }
            Self::Oidc => {
                let settings = issuer.oidc_settings();
                builder.sign_in(move |clock| issuer::oidc(&settings, clock)).start().await
            }
        }
    }

    /// Claims that this mode accepts.
    pub(crate) fn claims(self, issuer: &TestIssuer, app: &TestApp) -> Value {
        let mut claims = issuer.claims("user_1", app.clock().now());
        if self == Self::Oidc {
            claims["aud"] = json!(AUDIENCE);
        }
        claims
    }
}

pub(crate) async fn me(app: &TestApp, token: &str) -> Answer {
    app.get(&Actor::bearer(token), ME).await
}

/// An application in each mode, with the claims of a good token.
async fn each() -> Vec<(Mode, TestIssuer, TestApp, Value)> {
    let mut all = Vec::new();
    for mode in Mode::ALL {
        let issuer = TestIssuer::start().await;
        let app = mode.app(Backend::Sqlite, &issuer).await;
        let claims = mode.claims(&issuer, &app);
        all.push((mode, issuer, app, claims));
    }
    all
}

fn with(claims: &Value, changes: Value) -> Value {
    let mut claims = claims.clone();
    for (name, value) in changes.as_object().expect("an object") {
        claims[name] = value.clone();
    }
    claims
}

#[tokio::test]
async fn a_token_whose_algorithm_is_changed_proves_nothing() {
    for (mode, issuer, app, claims) in each().await {
        let key = issuer.key();
        assert_eq!(me(&app, &key.token(&claims)).await.status, 200, "{mode:?}: the good one");
        let header = |alg: &str| json!({ "alg": alg, "typ": "JWT", "kid": key.id() });
        let published = issuer.published()[0].to_string();
        let modulus = issuer.published()[0]["n"].as_str().expect("a modulus").to_owned();
        let der = key.public_der();
        let forged = [
            ("none", token_signed(&header("none"), &claims, b"")),
            ("None", token_signed(&header("None"), &claims, b"")),
            ("none with a signature", token_signed(&header("none"), &claims, &[1; 256])),
            ("no algorithm", token_signed(&json!({ "kid": key.id() }), &claims, b"")),
            ("RS256 without signature", token_signed(&header("RS256"), &claims, b"")),
            ("HS256 with the key's DER", hs256_token(&header("HS256"), &claims, &der)),
            ("HS256 with the modulus", hs256_token(&header("HS256"), &claims, modulus.as_bytes())),
            ("HS256 with the published key", hs256_token(&header("HS256"), &claims, published.as_bytes())),
            ("HS256 called RS256", hs256_token(&header("RS256"), &claims, &der)),
            ("RS512 by the right key", key.token_with(&header("RS512"), &claims)),
            ("PS256", key.token_with(&header("PS256"), &claims)),
            ("ES256", key.token_with(&header("ES256"), &claims)),
        ];
        for (what, token) in forged {
            assert_eq!(me(&app, &token).await.status, 401, "{mode:?}: {what}");
        }
    }
}

#[tokio::test]
async fn a_token_of_somebody_elses_key_proves_nothing() {
    for (mode, issuer, app, claims) in each().await {
        let (own, stranger) = (issuer.key(), issuer::SigningKey::generate(issuer.key().id()));
        let header = json!({ "alg": "RS256", "kid": own.id() });
        let with_header = |more: Value| with(&header, more);
        let (genuine, promoted) = (own.token(&claims), own.token(&with(&claims, json!({ "sub": "user_2" }))));
        let signature = genuine.rsplit('.').next().expect("three parts");
        let message = promoted.rsplit_once('.').expect("three parts").0;
        let cases = [
            ("another key under the same name", stranger.token(&claims)),
            // An attacker's key inside of the token, or where to fetch it, must not be looked at.
            (
                "own key in jwk",
                stranger.token_with(&with_header(json!({ "jwk": stranger.published() })), &claims),
            ),
            (
                "jku",
                stranger
                    .token_with(&with_header(json!({ "jku": format!("{}/keys", issuer.url()) })), &claims),
            ),
            ("unknown extension", own.token_with(&with_header(json!({ "crit": ["exp"] })), &claims)),
            ("changed claims", format!("{message}.{signature}")),
            (
                "key name as path",
                stranger.token_with(&json!({ "alg": "RS256", "kid": "../../key-1" }), &claims),
            ),
            ("key name of another type", stranger.token_with(&json!({ "alg": "RS256", "kid": 1 }), &claims)),
            (
                "endless key name",
                stranger.token_with(&json!({ "alg": "RS256", "kid": "k".repeat(5_000) }), &claims),
            ),
            ("no key name, wrong key", stranger.token_with(&json!({ "alg": "RS256" }), &claims)),
        ];
        for (what, token) in cases {
            assert_eq!(me(&app, &token).await.status, 401, "{mode:?}: {what}");
        }
        let nameless = own.token_with(&json!({ "alg": "RS256" }), &claims);
        assert_eq!(me(&app, &nameless).await.status, 200, "{mode:?}: the only key needs no name");
    }
}

#[tokio::test]
async fn a_token_for_others_or_another_time_proves_nothing() {
    for (mode, issuer, app, claims) in each().await {
        let now = app.clock().now().micros() / 1_000_000;
        let mut cases = vec![
            ("expired", json!({ "exp": now - 11 })),
            ("endless", json!({ "exp": null })),
            ("expiry as text", json!({ "exp": "4102444800" })),
            ("not yet valid", json!({ "nbf": now + 12 })),
            ("issued in the future", json!({ "iat": now + 12 })),
            ("nobody", json!({ "sub": null })),
            ("empty subject", json!({ "sub": "" })),
            ("subject of another type", json!({ "sub": 5 })),
            ("wrong audience", json!({ "aud": "another-application" })),
            ("list of wrong audiences", json!({ "aud": ["a", "b"] })),
        ];
        if mode == Mode::Oidc {
            cases.push(("no audience", json!({ "aud": null })));
            cases.push(("wrong issuer", json!({ "iss": "https://evil.example.com" })));
            cases.push((
                "issuer with our beginning",
                json!({ "iss": format!("{}.evil.example.com", issuer.url()) }),
            ));
            cases.push(("no issuer", json!({ "iss": null })));
        }
        for (what, change) in cases {
            let token = issuer.key().token(&with(&claims, change));
            assert_eq!(me(&app, &token).await.status, 401, "{mode:?}: {what}");
        }
        for (what, change) in [
            ("expired within the leeway", json!({ "exp": now - 8 })),
            ("not yet valid, within the leeway", json!({ "nbf": now + 8, "iat": now + 8 })),
        ] {
            let token = issuer.key().token(&with(&claims, change));
            assert_eq!(me(&app, &token).await.status, 200, "{mode:?}: {what}");
        }
    }
}

#[tokio::test]
async fn an_issuer_and_parties_that_are_set_must_be_named() {
    let issuer = TestIssuer::start().await;
    let mut settings = issuer.clerk_settings();
    settings.issuer = Some(issuer.url().to_owned());
    settings.authorized_parties = vec!["https://app.example.com".to_owned()];
    settings.audiences = vec!["us".to_owned()];
    issuer.add_clerk_user("user_1", "Ann", "ann@example.com");
    let app =
        TestApp::builder(Backend::Sqlite).sign_in(move |clock| issuer::clerk(&settings, clock)).start().await;
    let good = with(&Mode::Clerk.claims(&issuer, &app), json!({ "azp": "https://app.example.com" }));
    for (what, change, status) in [
        ("all right", json!({}), 200),
        ("our audience", json!({ "aud": ["them", "us"] }), 200),
        ("another issuer", json!({ "iss": "https://evil.example.com" }), 401),
        ("another party", json!({ "azp": "https://app.example.com.evil.com" }), 401),
        ("no party", json!({ "azp": null }), 401),
        ("another audience", json!({ "aud": "them" }), 401),
    ] {
        let token = issuer.key().token(&with(&good, change));
        assert_eq!(me(&app, &token).await.status, status, "{what}");
    }
}

#[tokio::test]
async fn what_is_no_session_token_is_refused_without_asking_anybody() {
    for (mode, issuer, app, claims) in each().await {
        let good = issuer.key().token(&claims);
        let signature = good.rsplit('.').next().expect("three parts");
        let mut tokens = vec![
            "x".to_owned(),
            "..".to_owned(),
            "a.b".to_owned(),
            "a.b.c".to_owned(),
            format!("{good}.x"),
            format!("{good}x.y.z"),
            format!("{}.{}.{signature}", "e".repeat(30), "f".repeat(30)),
            good.replace('.', "/"),
            "eyJhbGciOiJSUzI1NiJ9.e30.".to_owned() + &"A".repeat(60_000),
        ];
        if mode == Mode::Clerk {
            tokens.extend(["m2m_", "mt_", "oat_", "ak_"].map(|kind| format!("{kind}{good}")));
        }
        for token in tokens {
            let answer = me(&app, &token).await;
            assert_eq!(answer.status, 401, "{mode:?}: {token:.60}");
            assert_eq!(answer.json()["detail"], "Unauthorized");
        }
        for bytes in [&b"Bearer \xff\xfe.a.b"[..], b"Bearer ", b"\xff"] {
            let mut request = app::request(&Actor::anonymous(), Method::GET, ME, None);
            let value = HeaderValue::from_bytes(bytes).expect("a header value");
            request.headers_mut().insert(AUTHORIZATION, value);
            assert_eq!(app.send(request).await.status, 401, "{mode:?}: {bytes:?}");
        }
        assert_eq!(issuer.requests(mode.keys()), 0, "{mode:?}: nothing of this was worth a question");
        assert_eq!(me(&app, &good).await.status, 200);
    }
}

#[tokio::test]
async fn a_long_token_is_refused_unread_even_when_genuine() {
    for (mode, issuer, app, claims) in each().await {
        let fits = issuer.key().token(&with(&claims, json!({ "padding": "x".repeat(10_000) })));
        let too_long = issuer.key().token(&with(&claims, json!({ "padding": "x".repeat(13_000) })));
        assert!(fits.len() < 16 << 10 && too_long.len() > 16 << 10);
        assert_eq!(me(&app, &too_long).await.status, 401, "{mode:?}");
        assert_eq!(me(&app, &fits).await.status, 200, "{mode:?}");
    }
}

#[tokio::test]
async fn two_hundred_tokens_of_unknown_keys_cause_one_question() {
    for (mode, issuer, app, claims) in each().await {
        let good = issuer.key().token(&claims);
        assert_eq!(me(&app, &good).await.status, 200, "{mode:?}");
        let before = issuer.requests(mode.keys());
        assert_eq!(before, 1, "{mode:?}");
        app.clock().advance(std::time::Duration::from_secs(61));
        let claims = mode.claims(&issuer, &app);
        let stranger = issuer::SigningKey::generate("stranger");
        let forged: Vec<String> = (0..200)
            .map(|n| stranger.token_with(&json!({ "alg": "RS256", "kid": format!("no-{n}") }), &claims))
            .collect();
        let answers = futures_util::future::join_all(forged.iter().map(|token| me(&app, token))).await;
        assert!(answers.iter().all(|answer| answer.status == StatusCode::UNAUTHORIZED), "{mode:?}");
        assert_eq!(issuer.requests(mode.keys()), before + 1, "{mode:?}");
        for token in &forged {
            assert_eq!(me(&app, token).await.status, 401, "{mode:?}");
        }
        assert_eq!(issuer.requests(mode.keys()), before + 1, "{mode:?}: not before a minute is over");
        assert_eq!(
            me(&app, &issuer.key().token(&claims)).await.status,
            200,
            "{mode:?}: others are not held up"
        );
    }
}

#[tokio::test]
async fn a_flood_while_the_issuer_hangs_holds_nobody_up() {
    for (mode, issuer, app, claims) in each().await {
        assert_eq!(me(&app, &issuer.key().token(&claims)).await.status, 200, "{mode:?}");
        app.clock().advance(std::time::Duration::from_secs(61));
        issuer.turn(Health::Hanging);
        let stranger = issuer::SigningKey::generate("stranger");
        let (forged, asked) = (stranger.token(&claims), first_question(mode));
        let before = issuer.requests(asked);
        let waiting = me(&app, &forged);
        let meanwhile = async {
            issuer.wait_for_requests(asked, before + 1).await;
            let token = issuer.key().token(&mode.claims(&issuer, &app));
            assert_eq!(me(&app, &token).await.status, 200, "{mode:?}: a known key does not wait");
            issuer.turn(Health::Up);
        };
        let (refused, ()) = tokio::join!(waiting, meanwhile);
        assert_eq!(refused.status, 401, "{mode:?}");
    }
}

/// What a mode asks its issuer first when it needs keys.
pub(crate) fn first_question(mode: Mode) -> &'static str {
    match mode {
        Mode::Clerk => mode.keys(),
        Mode::Oidc => "GET /.well-known/openid-configuration",
    }
}

#[tokio::test]
async fn a_set_of_a_thousand_keys_works_and_a_senseless_one_changes_nothing() {
    for (mode, issuer, app, claims) in each().await {
        let mut keys: Vec<Value> = (0..999)
            .map(|n| {
                let mut key = issuer.published()[0].clone();
                key["kid"] = json!(format!("filler-{n}"));
                key
            })
            .collect();
        keys.push(issuer.published()[0].clone());
        issuer.publish(keys);
        assert_eq!(me(&app, &issuer.key().token(&claims)).await.status, 200, "{mode:?}");

        for senseless in [vec![], vec![json!(7)], vec![json!({ "kty": "oct", "kid": "key-1", "k": "AAAA" })]]
        {
            issuer.publish(senseless);
            app.clock().advance(std::time::Duration::from_secs(301));
            let token = issuer.key().token(&mode.claims(&issuer, &app));
            let asked = issuer.requests(mode.keys());
            assert_eq!(me(&app, &token).await.status, 200, "{mode:?}: asks in the background");
            // A token with a key that is not known waits for the fetch that is under way.
            let unknown = issuer::SigningKey::generate("unknown").token(&mode.claims(&issuer, &app));
            assert_eq!(me(&app, &unknown).await.status, 401, "{mode:?}");
            assert_eq!(issuer.requests(mode.keys()), asked + 1, "{mode:?}");
            assert_eq!(me(&app, &token).await.status, 200, "{mode:?}: the old keys stay");
        }
    }
}

#[tokio::test]
async fn keys_are_never_taken_from_another_host() {
    for mode in Mode::ALL {
        let (issuer, evil) = (TestIssuer::start().await, TestIssuer::start().await);
        let app = mode.app(Backend::Sqlite, &issuer).await;
        issuer.redirect_keys_to(&format!("{}/keys", evil.url()));
        let token = evil.key().token(&mode.claims(&issuer, &app));
        let answer = me(&app, &token).await;
        assert_eq!(answer.status, 503, "{mode:?}: {answer}");
        assert_eq!(evil.requests("GET /keys"), 0, "{mode:?}");
    }
}

#[tokio::test]
async fn a_stolen_cookie_is_no_way_in_for_other_pages() {
    let issuer = TestIssuer::start().await;
    let app = Mode::Clerk.app(Backend::Sqlite, &issuer).await;
    let token = issuer.key().token(&Mode::Clerk.claims(&issuer, &app));
    let send = |method: Method, site: &'static str| {
        let body = (method != Method::GET).then(|| json!({ "name": "Mallory" }));
        let mut request = app::request(&Actor::anonymous(), method, ME, body);
        let cookie = format!("a=b; __session_x={token}").parse().expect("a header value");
        request.headers_mut().insert(COOKIE, cookie);
        request.headers_mut().insert("sec-fetch-site", HeaderValue::from_static(site));
        app.send(request)
    };
    assert_eq!(send(Method::GET, "same-origin").await.status, 200);
    assert_eq!(send(Method::PATCH, "same-origin").await.status, 200);
    assert_eq!(send(Method::PATCH, "cross-site").await.status, 401);
}
