//! The S3 client: the whole credential chain, endpoints, proxies, certificate authorities, time limits.

use std::path::PathBuf;
use std::sync::Arc;

use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::{ProfileFileCredentialsProvider, ProfileFileRegionProvider};
use aws_config::provider_config::ProviderConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, ConfigLoader, Region, SdkConfig};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{
    Builder, RequestChecksumCalculation, ResponseChecksumValidation, SharedCredentialsProvider,
    StalledStreamProtectionConfig,
};
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode};
use aws_smithy_http_client::{Builder as HttpBuilder, Connector};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_types::retry::RetryConfig;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::model::foreign::escape;
use crate::model::target::{ChecksumMode, PathStyle, S3Location};
use crate::target::Credentials;
use crate::target::error::StoreError;
use crate::target::retry::Patience;
use crate::target::url::endpoint;

/// What a client is made from. Making it reads the AWS files, so it is left until first use.
pub(super) struct Recipe {
    /// The target's name, for errors.
    pub target: String,
    pub location: S3Location,
    pub credentials: Option<Credentials>,
    pub patience: Patience,
}

impl Recipe {
    /// What can be checked without touching the network.
    pub fn check(&self) -> Result<(), StoreError> {
        match &self.location.endpoint {
            Some(url) => endpoint(url).map(drop).map_err(StoreError::Url),
            None => Ok(()),
        }
    }

    /// Reads the AWS configuration and puts the client together.
    pub async fn client(&self) -> Result<Arc<Client>, StoreError> {
        let http = self.http_client()?;
        let shared = self.shared(http).load().await;
        let checksums = match self.location.checksums {
            ChecksumMode::WhenRequired => {
                (RequestChecksumCalculation::WhenRequired, ResponseChecksumValidation::WhenRequired)
            }
            ChecksumMode::WhenSupported => {
                (RequestChecksumCalculation::WhenSupported, ResponseChecksumValidation::WhenSupported)
            }
        };
        let config = Builder::from(&shared)
            .force_path_style(self.is_path_style(&shared))
            .request_checksum_calculation(checksums.0)
            .response_checksum_validation(checksums.1)
            // We resume at the byte and say what we wait for; the SDK can do neither.
            .retry_config(RetryConfig::disabled())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        Ok(Arc::new(Client::from_conf(config.build())))
    }

    fn shared(&self, http: SharedHttpClient) -> ConfigLoader {
        let limits = TimeoutConfig::builder().connect_timeout(self.patience.connect).read_timeout(self.patience.answer);
        let name = AppName::new("breakglass").expect("the name has only letters");
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(http.clone())
            .timeout_config(limits.build())
            .app_name(name);
        if let Some(url) = &self.location.endpoint {
            loader = loader.endpoint_url(url.trim_end_matches('/'));
        }
        if let Some(profile) = &self.location.profile {
            // A profile that the estate names goes before access keys in the environment, as with `aws --profile`.
            let surroundings = ProviderConfig::without_region().with_http_client(http);
            let provider =
                ProfileFileCredentialsProvider::builder().configure(&surroundings).profile_name(profile).build();
            loader = loader.profile_name(profile).credentials_provider(provider);
        }
        if let Some(keys) = &self.credentials {
            loader = loader.credentials_provider(provider_of(keys));
        }
        match (&self.location.region, &self.location.endpoint) {
            (Some(region), _) => loader.region(Region::new(region.clone())),
            (None, Some(_)) => loader.region(self.region_of_own_store()),
            (None, None) => loader.region(RegionProviderChain::default_provider().or_else("us-east-1")),
        }
    }

    /// Stores of one's own mostly ignore the region; asking an instance's metadata service for it would only cost time.
    fn region_of_own_store(&self) -> RegionProviderChain {
        let mut profile = ProfileFileRegionProvider::builder();
        if let Some(name) = &self.location.profile {
            profile = profile.profile_name(name);
        }
        RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new())
            .or_else(profile.build())
            .or_else("us-east-1")
    }

    fn is_path_style(&self, shared: &SdkConfig) -> bool {
        match self.location.path_style {
            PathStyle::Always => true,
            PathStyle::Never => false,
            PathStyle::Auto => {
                shared.endpoint_url().is_some()
                    || std::env::var_os("AWS_ENDPOINT_URL_S3").is_some()
                    || self.location.bucket.contains('.')
            }
        }
    }

    fn http_client(&self) -> Result<SharedHttpClient, StoreError> {
        let mut trust = TrustStore::default();
        for file in [self.location.ca_file.clone(), std::env::var_os("AWS_CA_BUNDLE").map(PathBuf::from)] {
            if let Some(file) = file.filter(|file| !file.as_os_str().is_empty()) {
                trust = trust.with_pem_certificate(self.certificates(&file)?);
            }
        }
        let context = TlsContext::builder().with_trust_store(trust).build();
        let context = context.map_err(|error| self.settings(error.to_string()))?;
        Ok(HttpBuilder::new().build_with_connector_fn(move |settings, components| {
            let mut connector = Connector::builder().tls_provider(Provider::Rustls(CryptoMode::Ring));
            connector.set_tls_context(context.clone());
            connector.set_connector_settings(settings.cloned());
            connector.set_proxy_config(Some(ProxyConfig::from_env()));
            connector.set_sleep_impl(components.and_then(|components| components.sleep_impl()));
            connector.build()
        }))
    }

    /// Reads certificates and tries each one: the SDK would panic at a bad one.
    fn certificates(&self, file: &PathBuf) -> Result<Vec<u8>, StoreError> {
        let shown = escape(&file.to_string_lossy());
        let pem = std::fs::read(file).map_err(|error| self.settings(format!("{shown}: {error}")))?;
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(&pem) {
            let added = certificate
                .map_err(|error| error.to_string())
                .and_then(|der| roots.add(der).map_err(|error| error.to_string()));
            added.map_err(|error| self.settings(format!("{shown} holds no good certificate: {error}")))?;
        }
        if roots.is_empty() {
            return Err(self.settings(format!("{shown} holds no certificate in PEM")));
        }
        Ok(pem)
    }

    fn settings(&self, what: String) -> StoreError {
        StoreError::Settings { place: self.target.clone(), what }
    }
}

fn provider_of(keys: &Credentials) -> SharedCredentialsProvider {
    SharedCredentialsProvider::new(aws_credential_types::Credentials::new(
        keys.access_key.as_str(),
        keys.secret.as_str(),
        keys.session_token.as_ref().map(|token| token.to_string()),
        None,
        "estate",
    ))
}
