//! Gateway records.

use mc_model::Result;
use mc_model::ids::{GatewayId, OrganizationId};

use crate::sql::{Conn, id, time};
use crate::tx::WriteTx;

/// A gateway record to be added.
#[derive(Clone, Debug)]
pub struct NewGateway {
    /// Identifier.
    pub id: GatewayId,
    /// Owner.
    pub organization_id: OrganizationId,
    /// Name.
    pub name: String,
    /// WebSocket address.
    pub url: String,
    /// Folder on the gateway's machine under which workspaces lie.
    pub workspace_root: String,
}

/// Adds a gateway record.
///
/// # Errors
/// When the database fails.
pub async fn insert(tx: &WriteTx, gateway: &NewGateway) -> Result<()> {
    let sql = "INSERT INTO gateways (id, organization_id, name, url, workspace_root, token, disable_device_pairing, \
               allow_insecure_tls, created_at, updated_at) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10)";
    let values = vec![
        id(gateway.id),
        id(gateway.organization_id),
        gateway.name.clone().into(),
        gateway.url.clone().into(),
        gateway.workspace_root.clone().into(),
        None::<String>.into(),
        false.into(),
        false.into(),
        time(tx.now()),
        time(tx.now()),
    ];
    tx.link().run(sql, values).await.map(drop)
}
