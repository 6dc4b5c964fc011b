//! Owns the SQL Browser: one UDP question, one answer (MC-SQLR).

use tokio::net::UdpSocket;

/// Answers `CLNT_UCAST_INST` for the instance, and `CLNT_UCAST_EX` for all.
pub(crate) async fn answer(socket: UdpSocket, instance: String, port: u16, version: String) {
    let mut buffer = [0u8; 64];
    while let Ok((n, from)) = socket.recv_from(&mut buffer).await {
        let asked = match buffer[..n].split_first() {
            Some((4, name)) => {
                let name = name.split(|b| *b == 0).next().unwrap_or_default();
                String::from_utf8_lossy(name).eq_ignore_ascii_case(&instance)
            }
            Some((2 | 3, _)) => true,
            _ => false,
        };
        if !asked {
            continue;
        }
        let text = format!(
            "ServerName;TDS-SERVER;InstanceName;{instance};IsClustered;No;Version;{version};tcp;{port};;"
        );
        let mut reply = vec![5];
        reply.extend((text.len() as u16).to_le_bytes());
        reply.extend(text.bytes());
        // Nobody waits for an answer that cannot be sent.
        let _ = socket.send_to(&reply, from).await;
    }
}
