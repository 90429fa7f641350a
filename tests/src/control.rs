//! Fault switches and steering of a running world, over the same HTTP that operators use.

use std::time::Duration;

use serde_json::{Value, json};

use crate::world::World;

impl World {
    /// A POST of JSON to the dashboard that must succeed.
    pub async fn post(&self, path: &str, body: &Value) -> Value {
        let request = reqwest::Client::new()
            .post(format!("{}{path}", self.dashboard()))
            .header("content-type", "application/json")
            .body(body.to_string());
        let answer = request.send().await.unwrap_or_else(|error| panic!("POST {path}: {error}"));
        let status = answer.status();
        let text = answer.text().await.unwrap_or_default();
        assert!(status.is_success(), "POST {path} {body}: {status}: {text}");
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }

    /// Turns a fault switch, as the Pipeline page does.
    pub async fn fault(&self, target: &str, fault: &str, on: bool) {
        self.post("/v1/faults", &json!({"target": target, "fault": fault, "on": on})).await;
    }

    /// Switches a fault on, of this strength.
    pub async fn fault_of(&self, target: &str, fault: &str, value: u64) {
        let body = json!({"target": target, "fault": fault, "on": true, "value": value});
        self.post("/v1/faults", &body).await;
    }

    /// What steering reports about an edge.
    pub async fn edge(&self, name: &str) -> Value {
        let page = self.json("/v1/steering").await;
        let edges = page["edges"].as_array().cloned().unwrap_or_default();
        let found = edges.into_iter().find(|edge| edge["name"] == name);
        found.unwrap_or_else(|| panic!("steering knows no edge {name}"))
    }

    /// Sets the mode of steering.
    pub async fn mode(&self, mode: &str) {
        self.post("/v1/steering", &json!({"mode": mode, "by": "test"})).await;
    }

    /// Takes, undoes or dismisses an action.
    pub async fn act(&self, id: &str, what: &str) {
        self.post(&format!("/v1/actions/{id}"), &json!({"do": what, "by": "test"})).await;
    }

    /// The actions that steering lists, newest first.
    pub async fn actions(&self) -> Vec<Value> {
        let page = self.json("/v1/steering").await;
        page["actions"].as_array().cloned().unwrap_or_default()
    }

    /// Waits for an action that `fits`, decided after `since_ms`. Returns how long it took from
    /// then, and the action.
    pub async fn wait_for_action(
        &self,
        what: &str,
        seconds: u64,
        since_ms: i64,
        fits: impl Fn(&Value) -> bool,
    ) -> (Duration, Value) {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(seconds);
        loop {
            let all = self.actions().await;
            let new = |row: &&Value| row["at"].as_i64().is_some_and(|at| at >= since_ms);
            if let Some(found) = all.iter().filter(new).find(|row| fits(row)) {
                let took = crate::crowd::now_ms() - since_ms;
                return (Duration::from_millis(took.unsigned_abs()), found.clone());
            }
            assert!(
                tokio::time::Instant::now() < deadline,
                "{what} did not come within {seconds} s; there is {all:#?}"
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Incidents that are not closed.
    pub async fn incidents(&self) -> Vec<Value> {
        let page = self.json("/v1/steering").await;
        let all = page["incidents"].as_array().cloned().unwrap_or_default();
        all.into_iter().filter(|row| row["state"] != "closed").collect()
    }

    /// Waits until both edges are healthy and steering receives rows.
    pub async fn wait_for_calm(&self, seconds: u64) {
        self.wait_for("good health of both edges", seconds, async || {
            let Ok(text) = self.get("/v1/steering").await else { return false };
            let page: Value = serde_json::from_str(&text).unwrap_or_default();
            let edges = page["edges"].as_array().cloned().unwrap_or_default();
            let seen = page["feed"]["connected"] == true;
            seen && edges.len() == 2 && edges.iter().all(|edge| edge["health"] == "good")
        })
        .await;
    }
}
