//! Connections that speak something else than HTTP/1: gRPC and TLS are what senders are set to by mistake.

use std::io;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// How a connection to a port without TLS begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Speaks {
    /// HTTP/1, as far as one can tell.
    Http,
    /// HTTP/2 with prior knowledge: `PRI * HTTP/2.0`. No method of HTTP/1 begins like it.
    Http2,
    /// The hello of TLS.
    Tls,
}

/// Looks at the first bytes and takes none of them.
///
/// # Errors
///
/// When the connection ends before its first byte.
pub(super) async fn speaks(stream: &TcpStream) -> io::Result<Speaks> {
    let mut first = [0; 3];
    let count = stream.peek(&mut first).await?;
    match &first[..count] {
        [] => Err(io::ErrorKind::UnexpectedEof.into()),
        b"PRI" => Ok(Speaks::Http2),
        [0x16, 0x03, ..] => Ok(Speaks::Tls),
        _ => Ok(Speaks::Http),
    }
}

/// The reason in words that HTTP/2 has room for: senders log it.
pub(super) async fn refuse_http2(mut stream: TcpStream) {
    const HTTP_1_1_REQUIRED: u32 = 0xd;
    const WHY: &[u8] = b"OTLP is received over HTTP/1.1: set OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf";
    let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    let mut away = vec![0, 0, 8 + WHY.len() as u8, 7, 0, 0, 0, 0, 0];
    away.extend(0_u32.to_be_bytes());
    away.extend(HTTP_1_1_REQUIRED.to_be_bytes());
    away.extend(WHY);
    let _ = stream.write_all(&[&settings[..], &away].concat()).await;
    let _ = stream.shutdown().await;
    // What has arrived is read: a connection that is closed on unread bytes takes the answer with it.
    let mut rest = [0; 4096];
    for _ in 0..16 {
        if !matches!(tokio::io::AsyncReadExt::read(&mut stream, &mut rest).await, Ok(1..)) {
            break;
        }
    }
}
