//! `mission-control doctor`: the settings in effect, for people and for programs.

use serde_json::json;

use crate::config::Effective;

/// One JSON array with `variable`, `value` and `source` of each setting; secrets are hidden already.
#[must_use]
pub fn json(effective: &[Effective]) -> String {
    let rows: Vec<_> = effective
        .iter()
        .map(|row| json!({ "variable": row.variable, "value": row.value, "source": row.origin }))
        .collect();
    format!("{:#}\n", serde_json::Value::Array(rows))
}

/// A table with a line per setting; those that are not at their default are marked.
#[must_use]
pub fn table(effective: &[Effective]) -> String {
    let width = |of: fn(&Effective) -> &str| {
        effective.iter().map(|row| of(row).chars().count()).max().unwrap_or_default()
    };
    let (names, values) = (width(|row| &row.variable), width(|row| &row.value));
    let mut text = String::from("All settings are valid. In effect (* = set by you):\n\n");
    for row in effective {
        let mark = if row.origin == "default" { ' ' } else { '*' };
        let Effective { variable, value, origin } = row;
        text.push_str(&format!("{mark} {variable:names$}  {value:values$}  {origin}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<Effective> {
        let row = |variable: &str, value: &str, origin: &str| Effective {
            variable: variable.to_owned(),
            value: value.to_owned(),
            origin: origin.to_owned(),
        };
        vec![row("HOST", "127.0.0.1", "default"), row("LOCAL_AUTH_TOKEN", "(set, hidden)", ".env")]
    }

    #[test]
    fn the_table_is_aligned_and_marks_what_was_set() {
        let table = table(&rows());
        let lines: Vec<&str> = table.lines().skip(2).collect();
        assert_eq!(
            lines,
            ["  HOST              127.0.0.1      default", "* LOCAL_AUTH_TOKEN  (set, hidden)  .env"]
        );
    }

    #[test]
    fn the_json_form_can_be_read_back() {
        let rows: serde_json::Value = serde_json::from_str(&json(&rows())).expect("JSON");
        assert_eq!(
            rows[1],
            json!({ "variable": "LOCAL_AUTH_TOKEN", "value": "(set, hidden)", "source": ".env" })
        );
    }
}
