//! The rows of the activity log, as an auditor reads them.

use mc_testkit::TestApp;
use sea_orm::{ConnectionTrait, Database, Statement};
use serde_json::Value;
use uuid::Uuid;

/// One row of the activity log.
#[derive(Clone, Debug)]
pub struct Recorded {
    pub message: String,
    pub user_id: Option<Uuid>,
    pub agent_id: Option<Uuid>,
    pub organization_id: Option<Uuid>,
    pub request_id: Option<String>,
    pub data: Value,
}

/// The rows with this type, oldest first.
pub async fn recorded(app: &TestApp, event_type: &str) -> Vec<Recorded> {
    let db = Database::connect(app.database().url()).await.expect("the database opens");
    let query = Statement::from_sql_and_values(
        db.get_database_backend(),
        "SELECT message, user_id, agent_id, organization_id, request_id, CAST(data AS text) AS data \
         FROM activity_events WHERE event_type = $1 ORDER BY created_at, id",
        [event_type.into()],
    );
    let rows = db.query_all_raw(query).await.expect("the log can be read");
    let rows = rows.iter().map(|row| {
        let data: Option<String> = row.try_get("", "data").expect("data");
        Recorded {
            message: row.try_get("", "message").expect("a message"),
            user_id: row.try_get("", "user_id").expect("an id"),
            agent_id: row.try_get("", "agent_id").expect("an id"),
            organization_id: row.try_get("", "organization_id").expect("an id"),
            request_id: row.try_get("", "request_id").expect("an id"),
            data: data.map_or(Value::Null, |text| serde_json::from_str(&text).expect("JSON")),
        }
    });
    rows.collect()
}
