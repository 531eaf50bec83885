//! Our document against the frozen contract, operation by operation.
//!
//! The contract lies beside the repository in `../shared/contract`, or where `CONTRACT_DIR` says; on a clone without
//! it the comparison is left out, with a line that says so. Operations that are not built yet stand in
//! `contract_missing.txt`; that list may only shrink.

mod compare;
mod shape;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use compare::{Operation, differences};

const MISSING: &str = include_str!("contract_missing.txt");
const ADDED: &str = include_str!("contract_added.txt");
const DIRECTORY: &str = "CONTRACT_DIR";
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// All operations of a document by `METHOD path`.
pub fn operations(document: &Value) -> BTreeMap<String, &Value> {
    let mut operations = BTreeMap::new();
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        for (method, operation) in item.as_object().into_iter().flatten() {
            assert!(METHODS.contains(&method.as_str()), "{path} has the member {method}");
            operations.insert(format!("{} {path}", method.to_uppercase()), operation);
        }
    }
    operations
}

/// Our document, as `mission-control openapi` prints it.
pub async fn our_document() -> Value {
    let text = mission_control::start::openapi().await.expect("the document can be made");
    serde_json::from_str(&text).expect("the document is JSON")
}

/// The contract, if it is here.
fn contract() -> Option<Value> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/contract");
    let named = std::env::var_os(DIRECTORY).map(PathBuf::from);
    let file = named.clone().unwrap_or_else(beside).join("openapi.json");
    match std::fs::read(&file) {
        Ok(bytes) => Some(serde_json::from_slice(&bytes).expect("the contract is JSON")),
        Err(error) if named.is_some() => panic!("{DIRECTORY} is set, but {}: {error}", file.display()),
        Err(_) => None,
    }
}

fn missing() -> Vec<&'static str> {
    entries(MISSING)
}

fn entries(list: &'static str) -> Vec<&'static str> {
    list.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
}

#[tokio::test]
async fn every_operation_that_exists_is_the_contract_s() {
    let Some(contract) = contract() else {
        eprintln!("contract: left out, because the comparison needs ../shared (or {DIRECTORY})");
        return;
    };
    let ours = our_document().await;
    let (theirs, own) = (operations(&contract), operations(&ours));
    let mut faults = Vec::new();
    let mut matching = 0;
    for (name, operation) in &theirs {
        let Some(own) = own.get(name) else { continue };
        let contract = Operation { document: &contract, operation };
        let found = differences(contract, Operation { document: &ours, operation: own });
        matching += usize::from(found.is_empty());
        faults.extend(found.into_iter().map(|fault| format!("{name}: {fault}")));
    }
    println!("contract: {matching} of {} operations match", theirs.len());
    assert!(faults.is_empty(), "{} differences\n{}", faults.len(), faults.join("\n"));

    let listed = missing();
    let is_listed = |name: &String| listed.contains(&name.as_str());
    let lost: Vec<_> = theirs.keys().filter(|name| !own.contains_key(*name) && !is_listed(name)).collect();
    assert!(lost.is_empty(), "operations are gone, or were never listed as missing: {lost:#?}");
    let unknown: Vec<_> = listed.iter().filter(|name| !theirs.contains_key(**name)).collect();
    assert!(unknown.is_empty(), "contract_missing.txt lists what the contract does not have: {unknown:#?}");
}

#[tokio::test]
async fn nothing_that_is_built_stands_in_the_list_of_the_missing() {
    let ours = our_document().await;
    let own = operations(&ours);
    let built: Vec<_> = missing().into_iter().filter(|name| own.contains_key(*name)).collect();
    assert!(built.is_empty(), "remove these lines from contract_missing.txt: {built:#?}");
}

#[tokio::test]
async fn what_the_contract_does_not_have_is_added_on_purpose() {
    let Some(contract) = contract() else {
        eprintln!("contract: left out, because the comparison needs ../shared (or {DIRECTORY})");
        return;
    };
    let ours = our_document().await;
    let (theirs, own, listed) = (operations(&contract), operations(&ours), entries(ADDED));
    let unlisted: Vec<_> =
        own.keys().filter(|name| !theirs.contains_key(*name) && !listed.contains(&name.as_str())).collect();
    assert!(
        unlisted.is_empty(),
        "the contract has none of these; list them in contract_added.txt: {unlisted:#?}"
    );
    let idle: Vec<_> =
        listed.iter().filter(|name| theirs.contains_key(**name) || !own.contains_key(**name)).collect();
    assert!(idle.is_empty(), "contract_added.txt lists what is in the contract, or is not there: {idle:#?}");
}
