//! Over TLS.

use session_core::ErrorKind;
use session_testkit::{Certificates, Server};

use super::*;
use crate::{TlsConfig, net::Resend};

async fn refused(url: String, tls: TlsConfig) -> Error {
    // The deadline is an hour away.
    let config = config(url).tls(tls).call_deadline(LONG);
    try_connect(config, Probe::new()).await.err().expect("it connected")
}

#[tokio::test]
async fn a_trusted_server() {
    let certificates = Certificates::new();
    let server = Server::builder().tls(&certificates).start().await;
    for tls in [TlsConfig::new().ca(certificates.ca_pem()), TlsConfig::new().ca_file(certificates.ca_file())] {
        let (net, _) = connect(config(server.tls_url()).tls(tls)).await;
        assert_eq!(
            net.command(net.deadline(), SLOT, &command(&["ECHO", "a"]), Resend::Harmless).await.unwrap(),
            bulk("a")
        );
    }
}

#[tokio::test]
async fn a_server_that_must_not_be_trusted_fails_at_once() {
    let certificates = Certificates::new();
    let server = Server::builder().tls(&certificates).start().await;
    let other = Certificates::another_authority();
    let error = refused(server.tls_url(), TlsConfig::new().ca(other.ca_pem())).await;
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.to_string().contains("tls.ca"), "{error}");
    for certificates in [Certificates::expired(), Certificates::for_names(&["elsewhere.example"])] {
        let server = Server::builder().tls(&certificates).start().await;
        let error = refused(server.tls_url(), TlsConfig::new().ca(certificates.ca_pem())).await;
        assert_eq!(error.kind(), ErrorKind::Configuration);
    }
}

/// A plain server waits for the end of what it takes for a command, so this looks like a server that is down.
#[tokio::test]
async fn a_port_without_tls() {
    let certificates = Certificates::new();
    let server = Server::builder().tls(&certificates).start().await;
    let config = config(format!("rediss://localhost:{}", server.port()))
        .tls(TlsConfig::new().ca(certificates.ca_pem()))
        .call_deadline(Duration::from_millis(500))
        .connect_deadline(Duration::from_millis(100));
    let error = try_connect(config, Probe::new()).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(format!("{error:?}").contains("speaks TLS"), "{error:?}");
}

#[tokio::test]
async fn a_server_that_wants_to_know_us() {
    let certificates = Certificates::new();
    let server = Server::builder().tls(&certificates).require_client_certificate().start().await;
    let trusting = TlsConfig::new().ca(certificates.ca_pem());
    let texts = trusting.clone().client(certificates.client_cert_pem(), certificates.client_key_pem());
    let files = trusting.clone().client_files(certificates.client_cert_file(), certificates.client_key_file());
    for tls in [texts, files] {
        connect(config(server.tls_url()).tls(tls)).await;
    }
    let error = refused(server.tls_url(), trusting.clone()).await;
    assert_eq!(error.kind(), ErrorKind::Configuration);
    let stranger = Certificates::another_authority();
    let error = refused(server.tls_url(), trusting.client(stranger.client_cert_pem(), stranger.client_key_pem())).await;
    assert_eq!(error.kind(), ErrorKind::Configuration);
}
