//! Mutual TLS, and a user with the least permissions.

use std::sync::LazyLock;

use session_redis::{RedisConfig, TlsConfig};
use session_testkit::{Certificates, Server, shared};

/// A server that requires client certificates, with one user that has exactly the documented permissions.
struct Guarded {
    certificates: Certificates,
    server: Server,
}

static GUARDED: LazyLock<Guarded> = LazyLock::new(|| {
    shared(async {
        let certificates = Certificates::new();
        let rule = session_redis::ACL_RULE;
        let rule = rule.replace("user <name>", "shop").replace("<password>", "secret").replace("<prefix>", "case-*");
        let rule = rule.split_whitespace().collect::<Vec<_>>().join(" ");
        let server = Server::builder().tls(&certificates).require_client_certificate();
        let server = server.acl_user(&rule).acl_user("default off").start().await;
        Guarded { certificates, server }
    })
});

harness! {
    /// Over mutual TLS, as that user.
    OverTlsWithLeastPermissions,
    |prefix| {
        let Guarded { certificates, server } = &*GUARDED;
        let tls = TlsConfig::new()
            .ca(certificates.ca_pem())
            .client(certificates.client_cert_pem(), certificates.client_key_pem());
        RedisConfig::standalone(server.tls_url()).username("shop").password("secret").tls(tls)
    }
}
