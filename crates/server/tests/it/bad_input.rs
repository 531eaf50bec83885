//! Bad input of every sort: each is answered with a documented 4xx that carries the request id and all headers, and
//! none with a 500 (issue "Foundation", done when 4; platform spec §16.6).

use axum::body::Body;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use axum::http::{Method, Request, StatusCode};
use bytes::Bytes;
use mc_testkit::app::request;
use mc_testkit::{Actor, Answer, Backend, TestApp, World, db_test};
use serde_json::{Value, json};

/// More than the default limit of request bodies.
const HUGE: usize = 2 * 1024 * 1024;

/// One bad request and what it must be answered with.
struct Case {
    name: &'static str,
    request: Request<Body>,
    status: u16,
    /// The `type` of the first item of a 422 list and its place, if the answer is one.
    first: Option<(&'static str, Value)>,
}

/// Builds cases against the board of a world.
struct Cases<'a> {
    world: &'a World,
    all: Vec<Case>,
}

impl Cases<'_> {
    fn tasks(&self) -> String {
        format!("/api/v1/boards/{}/tasks", self.world.board.id)
    }

    fn task(&self) -> String {
        format!("{}/{}", self.tasks(), self.world.task.id)
    }

    fn add(&mut self, name: &'static str, status: u16, request: Request<Body>) {
        self.all.push(Case { name, request, status, first: None });
    }

    fn fault(&mut self, name: &'static str, code: &'static str, loc: Value, request: Request<Body>) {
        self.all.push(Case { name, request, status: 422, first: Some((code, loc)) });
    }

    fn request(&self, method: &str, path: &str, body: Option<Body>) -> Request<Body> {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        let mut request = request(&self.world.owner, method, path, None);
        if let Some(body) = body {
            request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            *request.body_mut() = body;
        }
        request
    }

    /// A creation of a task with this body.
    fn create(&self, body: impl Into<Body>) -> Request<Body> {
        self.request("POST", &self.tasks(), Some(body.into()))
    }

    fn get(&self, path: &str) -> Request<Body> {
        self.request("GET", path, None)
    }

    /// A list of tasks with this query.
    fn list(&self, query: &str) -> Request<Body> {
        self.get(&format!("{}?{query}", self.tasks()))
    }

    fn unreadable_bodies(&mut self) {
        let body = || json!(["body"]);
        self.all.extend(
            [
                (self.create("{"), "a body that breaks off"),
                (self.create("title=x"), "a body that is a form"),
                (self.create("{'title': 'x'}"), "single quotes"),
                (self.create(r#"{"title": "x"} x"#), "something after the body"),
                (self.create(r#"{"title": NaN}"#), "NaN"),
                (self.create(r#"{"due_at": -Infinity}"#), "infinity"),
                (self.create(r#"{"title": "\ud800"}"#), "half of a surrogate pair"),
                (self.create("{\"title\": \"a\nb\"}"), "a raw line feed in a text"),
            ]
            .map(|(request, name)| Case {
                name,
                request,
                status: 422,
                first: Some(("json_invalid", Value::Null)),
            }),
        );
        self.add("a body that is not UTF-8", 400, self.create(&b"{\"title\": \"\xff\"}"[..]));
        self.add("a body that is compressed", 400, self.create(&b"\x1f\x8b\x08\x00\x00\x00\x00\x00"[..]));
        self.add("lists nested too deep", 400, self.create("[".repeat(100_000)));
        self.add("objects nested too deep", 400, self.create(r#"{"a":"#.repeat(100_000)));
        self.fault("no body", "missing", body(), self.create(""));
        self.fault("null", "missing", body(), self.create("null"));
        self.fault("a list", "model_attributes_type", body(), self.create("[]"));
        self.fault("a text", "model_attributes_type", body(), self.create(r#""x""#));
        let mut plain = self.create(r#"{"title": "x"}"#);
        plain.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        self.fault("a body that does not say it is JSON", "model_attributes_type", body(), plain);
        let mut form = self.create("title=x");
        form.headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        self.fault("a form", "model_attributes_type", body(), form);
    }

    fn large_bodies(&mut self) {
        let text = format!(r#"{{"title": "{}"}}"#, "x".repeat(HUGE));
        self.add("a huge body", 413, self.create(text.clone()));
        let pieces = text.into_bytes().chunks(64 * 1024).map(Bytes::copy_from_slice).collect::<Vec<_>>();
        let stream = futures_util::stream::iter(pieces.into_iter().map(Ok::<_, std::convert::Infallible>));
        self.add("a huge body in pieces", 413, self.create(Body::from_stream(stream)));
        let title = json!({"title": "x".repeat(100_000)}).to_string();
        let at = json!(["body", "title"]);
        self.fault("a long title", "string_too_long", at, self.create(title));
    }

    fn wrong_fields(&mut self) {
        for (name, code, field, body) in [
            ("no title", "missing", "title", json!({})),
            ("a number for a text", "string_type", "title", json!({"title": 1})),
            ("null for a text", "string_type", "title", json!({"title": null})),
            ("an object for a text", "string_type", "title", json!({"title": {}})),
            ("NUL in a text", "value_error", "title", json!({"title": "a\u{0}b"})),
            ("an unknown status", "literal_error", "status", json!({"title": "x", "status": "lost"})),
            (
                "a bad id",
                "uuid_parsing",
                "assigned_agent_id",
                json!({"title": "x", "assigned_agent_id": "1"}),
            ),
            ("a number for an id", "uuid_type", "tag_ids", json!({"title": "x", "tag_ids": [1]})),
            ("an object for a list", "list_type", "tag_ids", json!({"title": "x", "tag_ids": {}})),
            (
                "a text for a map",
                "dict_type",
                "custom_field_values",
                json!({"title": "x", "custom_field_values": ""}),
            ),
            ("no moment", "datetime_from_date_parsing", "due_at", json!({"title": "x", "due_at": "soon"})),
        ] {
            let mut at = vec![json!("body"), json!(field)];
            if code == "uuid_type" {
                at.push(json!(0));
            }
            self.fault(name, code, at.into(), self.create(body.to_string()));
        }
        let patch = |body: Value| self.request("PATCH", &self.task(), Some(body.to_string().into()));
        let at = json!(["body", "status"]);
        let null = patch(json!({"status": null}));
        self.fault("null for a status", "value_error", at, null);
        let comments = format!("{}/comments", self.task());
        let blank = self.request("POST", &comments, Some(r#"{"message": "  "}"#.into()));
        self.fault("a blank comment", "string_too_short", json!(["body", "message"]), blank);
    }

    fn wrong_queries(&mut self) {
        for (name, code, query, field) in [
            ("limit zero", "greater_than_equal", "limit=0", "limit"),
            ("a negative limit", "greater_than_equal", "limit=-1", "limit"),
            ("a limit above the most", "less_than_equal", "limit=201", "limit"),
            ("a limit that is no number", "int_parsing", "limit=ten", "limit"),
            ("an empty limit", "int_parsing", "limit=", "limit"),
            ("a negative offset", "greater_than_equal", "offset=-1", "offset"),
            ("a bad id in the query", "uuid_parsing", "assigned_agent_id=1", "assigned_agent_id"),
            ("no truth value", "bool_parsing", "unassigned=maybe", "unassigned"),
            ("NUL in the query", "value_error", "status=%00", "status"),
        ] {
            self.fault(name, code, json!(["query", field]), self.list(query));
        }
        self.add("an offset beyond 64 bits", 422, self.list("offset=9223372036854775808"));
        self.add("an offset of a hundred digits", 422, self.list(&format!("offset={}", "9".repeat(100))));
        self.add("an unknown status in the query", 422, self.list("status=lost"));
        self.add("a query that is not UTF-8", 422, self.list("status=%ff"));
    }

    fn wrong_paths(&mut self) {
        let board = || json!(["path", "board_id"]);
        for (name, id) in [
            ("a bad board id", "1"),
            ("NUL in the path", "%00"),
            ("a blank board id", "%20"),
            ("a lone percent sign", "%"),
            ("a long board id", &*"x".repeat(10_000)),
        ] {
            self.fault(name, "uuid_parsing", board(), self.get(&format!("/api/v1/boards/{id}/tasks")));
        }
        let task = format!("{}/nobody/comments", self.tasks());
        self.fault("a bad task id", "uuid_parsing", json!(["path", "task_id"]), self.get(&task));
        self.add("a path that is not UTF-8", 422, self.get("/api/v1/boards/%ff/tasks"));
        self.add("an unknown path", 404, self.get("/api/v1/nothing"));
        self.add("a doubled slash", 404, self.get("//api/v1/users/me"));
        self.add("another case", 404, self.get("/API/v1/users/me"));
        self.add("dots in the path", 404, self.get("/api/v1/../../etc/passwd"));
    }

    fn wrong_methods(&mut self) {
        for (name, method) in [
            ("a method that the path does not have", "PUT"),
            ("OPTIONS without CORS", "OPTIONS"),
            ("TRACE", "TRACE"),
            ("a made-up method", "BREW"),
        ] {
            self.add(name, 405, self.request(method, &self.tasks(), None));
        }
    }

    fn wrong_credentials(&mut self) {
        let values: [(&str, &[u8]); 6] = [
            ("a bearer outside ASCII", "Bearer \u{e4}\u{f6}\u{fc}".as_bytes()),
            ("a bearer that is not UTF-8", b"Bearer \xff\xfe"),
            ("a bearer of tabs", b"Bearer\tx"),
            ("another scheme", b"Basic eDp5"),
            ("a scheme alone", b"Bearer"),
            ("an empty header", b""),
        ];
        for (name, value) in values {
            let mut request = self.get("/api/v1/users/me");
            let value = HeaderValue::from_bytes(value).expect("bytes that a header may hold");
            request.headers_mut().insert(AUTHORIZATION, value);
            self.add(name, 401, request);
        }
        let mut agent = self.get("/api/v1/agent/healthz");
        let value = HeaderValue::from_bytes(b"\xff\xfe\x80").expect("bytes that a header may hold");
        agent.headers_mut().insert("x-agent-token", value);
        self.add("an agent token that is not UTF-8", 401, agent);
    }
}

fn all(world: &World) -> Vec<Case> {
    let mut cases = Cases { world, all: Vec::new() };
    cases.unreadable_bodies();
    cases.large_bodies();
    cases.wrong_fields();
    cases.wrong_queries();
    cases.wrong_paths();
    cases.wrong_methods();
    cases.wrong_credentials();
    cases.all
}

/// What is wrong with the answer, if anything is.
fn complaint(case: &Case, answer: &Answer) -> Option<String> {
    if answer.status.as_u16() != case.status {
        return Some(format!("status, not {}", case.status));
    }
    let Ok(body) = serde_json::from_slice::<Value>(&answer.body) else {
        return Some("no JSON".to_owned());
    };
    let keys: Vec<&String> = body.as_object().into_iter().flat_map(serde_json::Map::keys).collect();
    if keys != ["detail", "request_id"] {
        return Some("other members than detail and request_id".to_owned());
    }
    if body["request_id"].as_str().is_none_or(|id| Some(id) != answer.header("x-request-id")) {
        return Some("the request id is not that of the header".to_owned());
    }
    for (header, value) in [
        ("content-type", "application/json"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "strict-origin-when-cross-origin"),
    ] {
        if answer.header(header) != Some(value) {
            return Some(format!("no {header}: {value}"));
        }
    }
    let Some((code, loc)) = &case.first else { return None };
    let first = &body["detail"][0];
    let is_there = first["type"] == *code && (loc.is_null() || first["loc"] == *loc);
    (!is_there).then(|| format!("the first item is not {code} at {loc}"))
}

#[db_test]
async fn every_bad_request_is_answered_as_documented(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let mut complaints = Vec::new();
    let mut tried = 0;
    for mut case in all(&world) {
        tried += 1;
        let request = std::mem::take(&mut case.request);
        let answer = app.send(request).await;
        if let Some(complaint) = complaint(&case, &answer) {
            let text: String = answer.to_string().chars().take(300).collect();
            complaints.push(format!("{}: {complaint}\n    {text}", case.name));
        }
    }
    assert!(complaints.is_empty(), "{} of {tried}\n{}", complaints.len(), complaints.join("\n"));
    assert!(tried >= 30, "{tried}");
    let tasks = app.get(&world.owner, &format!("/api/v1/boards/{}/tasks", world.board.id)).await.ok();
    assert_eq!(tasks["total"], 1, "nothing was made of any of them");
}

#[db_test]
async fn several_faults_come_in_one_answer(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let tasks = format!("/api/v1/boards/{}/tasks", world.board.id);
    let body = json!({"status": "lost", "priority": 7, "due_at": "soon", "assigned_agent_id": "x"});
    let answer = app.post(&world.owner, &tasks, body).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{answer}");
    let detail = answer.json()["detail"].clone();
    let places: Vec<String> =
        detail.as_array().expect("a list").iter().map(|item| item["loc"][1].to_string()).collect();
    assert_eq!(
        places,
        [r#""title""#, r#""status""#, r#""priority""#, r#""due_at""#, r#""assigned_agent_id""#]
    );
    let query = app.get(&world.owner, &format!("{tasks}?limit=0&offset=x&unassigned=2")).await.json();
    assert_eq!(query["detail"].as_array().map(Vec::len), Some(3), "{query}");
}

#[db_test]
async fn who_is_not_let_in_learns_nothing_of_input_and_rows(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let nobody = Actor::anonymous();
    for path in [
        "/api/v1/boards/1/tasks".to_owned(),
        format!("/api/v1/boards/{}/tasks?limit=0", world.board.id),
        format!("/api/v1/agent/boards/{}", world.board.id),
        "/api/v1/agent/boards/00000000-0000-7000-8000-000000000000".to_owned(),
        "/api/v1/agent/boards/1".to_owned(),
    ] {
        let answer = app.get(&nobody, &path).await;
        assert_eq!(answer.status, 401, "{path}: {answer}");
        assert_eq!(answer.json()["detail"], "Unauthorized");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    }
    let unknown = "/api/v1/boards/00000000-0000-7000-8000-000000000000/tasks?limit=0";
    assert_eq!(app.get(&world.owner, unknown).await.status, 404, "the board comes before the query");
}

#[db_test]
async fn head_is_answered_405_without_a_body(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let answer = app.send(request(&world.owner, Method::HEAD, "/api/v1/users/me", None)).await;
    assert_eq!((answer.status.as_u16(), answer.body.len()), (405, 0));
    let allow = answer.header("allow").expect("a 405 says what is allowed");
    assert!(allow.starts_with("GET, PATCH") && !allow.contains("HEAD"), "{allow}");
    assert!(answer.header("x-request-id").is_some());
}
