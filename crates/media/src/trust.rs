//! Which servers are who they say they are: by the certificates that this machine trusts.

use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use rustls_platform_verifier::Verifier;

/// What all clients of this process verify servers with. The machine's certificates are read when the first server is to be
/// verified: they take half a megabyte, and a server at rest, or one that only talks to the sandbox, verifies nobody.
#[derive(Debug)]
struct SystemTrust {
    provider: Arc<CryptoProvider>,
    /// Set when there were certificates to read. Until then they are looked for anew each time: they may be installed any
    /// time.
    read: OnceLock<Verifier>,
}

impl SystemTrust {
    fn verifier(&self) -> Result<&Verifier, Error> {
        if let Some(verifier) = self.read.get() {
            return Ok(verifier);
        }
        let verifier = Verifier::new(Arc::clone(&self.provider))?;
        Ok(self.read.get_or_init(|| verifier))
    }
}

impl ServerCertVerifier for SystemTrust {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verifier = self.verifier().inspect_err(|error| {
            tracing::error!(
                %error,
                "no https address can be reached: this machine trusts no certificates; install them (the package is \
                 mostly called ca-certificates)"
            );
        })?;
        verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// This process's cryptography.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    if CryptoProvider::get_default().is_none() {
        // Another thread may install the same at the same time, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
    CryptoProvider::get_default().map_or_else(|| Arc::new(rustls::crypto::ring::default_provider()), Arc::clone)
}

/// TLS as all clients have it; they share sessions and trust. Only HTTP/1.1 is offered.
pub(crate) fn tls() -> ClientConfig {
    static SHARED: OnceLock<ClientConfig> = OnceLock::new();
    let made = || {
        let provider = provider();
        let trust = SystemTrust {
            provider: Arc::clone(&provider),
            read: OnceLock::new(),
        };
        // "Dangerous" is any verifier but the library's own; this one hands every certificate to it.
        let mut tls = ClientConfig::builder()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(trust))
            .with_no_client_auth();
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        tls
    };
    SHARED.get_or_init(made).clone()
}

/// Looks whether this machine trusts any certificate, so that https addresses can be reached.
///
/// # Errors
/// In words, what is missing.
pub fn check() -> Result<(), String> {
    match Verifier::new(provider()) {
        Ok(_) => Ok(()),
        Err(Error::General(told)) => Err(told),
        Err(error) => Err(error.to_string()),
    }
}
