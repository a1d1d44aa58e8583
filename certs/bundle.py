"""The bundle that clients of an instance download: ready settings, samples, certificates to trust.

It holds no password of a user and no key: who may read it learns only how to connect. Only the
bundle that is made for one client's certificate holds that, with its key.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from string import Template

from certs.client_settings import (
    CERTIFICATE,
    CERTIFICATES,
    CONSUMER,
    JAVA_PRODUCER,
    JAVA_RESTART,
    KEY,
    KEYSTORE,
    LIBRDKAFKA_RESTART,
    PASSWORD_PLACEHOLDER,
    PRODUCER,
    TRUSTSTORE,
    TRUSTSTORE_PASSWORD,
    MutualTls,
    SaslSsl,
    Security,
    Settings,
    java_connection,
    librdkafka_connection,
)
from certs.errors import CertificateError
from certs.leaf import Leaf
from certs.names import check_bootstrap, check_common_name
from certs.pem import write_certificate
from certs.stores import client_keystore, client_truststore, trusted_certificates


@dataclass(frozen=True)
class BundleRequest:
    """Whose bundle: the instance's name, its brokers as `host:port,host:port`, and how clients come
    in. CertificateError when no client could use it.

    `version` tells bundles of one instance apart: it rises when they say something else.
    """

    instance: str
    bootstrap: str
    security: Security
    version: int = 1

    def __post_init__(self) -> None:
        """Refuse what would not fit into a settings file as it is."""
        check_common_name("instance", self.instance)
        check_bootstrap(self.bootstrap)


def client_bundle(request: BundleRequest) -> Mapping[str, bytes]:
    """The bundle's files: path in the bundle -> content.

    Only the trust store's bytes differ from call to call (it is salted).
    """
    texts = {
        "README.txt": _readme(request),
        **_java_files(request),
        **_python_files(request),
        **_go_files(request),
    }
    encoded = {path: text.encode("utf-8") for path, text in texts.items()}
    return {**encoded, **_trusted_files(request.security)}


def certificate_bundle(request: BundleRequest, leaf: Leaf) -> Mapping[str, bytes]:
    """The bundle of one client whose certificate this is: all of it is to be kept secret.

    The request's security must be mutual TLS, with the password of the key store.
    """
    security = request.security
    if not isinstance(security, MutualTls):
        raise CertificateError("security: accepted is mutual TLS for a client's certificate.")
    return {
        **client_bundle(request),
        CERTIFICATE: b"".join([leaf.certificate_pem, *leaf.chain]),
        KEY: leaf.key_pem,
        KEYSTORE: client_keystore(leaf, security.keystore_password),
    }


def _trusted_files(security: Security) -> dict[str, bytes]:
    if security is None:
        return {}
    # Written anew, not passed on: whatever else stood in the texts stays out of the bundle.
    authorities = [write_certificate(each) for each in trusted_certificates(security.authorities)]
    return {
        CERTIFICATES: b"".join(authorities),
        TRUSTSTORE: client_truststore(authorities, TRUSTSTORE_PASSWORD),
    }


def _java_files(request: BundleRequest) -> dict[str, str]:
    connection = java_connection(request.bootstrap, request.security)
    console = _properties(f"Console tools, instance {request.instance}.", connection, JAVA_RESTART)
    producer = _properties(
        f"Java producer, instance {request.instance}.",
        connection,
        {**JAVA_RESTART, **JAVA_PRODUCER},
    )
    consumer = _properties(
        f"Java consumer, instance {request.instance}.", connection, {**JAVA_RESTART, **CONSUMER}
    )
    return {
        "console/client.properties": console,
        "java/producer.properties": producer,
        "java/consumer.properties": consumer,
        "java/Client.java": _sample("java/Client.java"),
    }


def _python_files(request: BundleRequest) -> dict[str, str]:
    connection = librdkafka_connection(request.bootstrap, request.security)
    sections = {
        "connection": {**connection, **LIBRDKAFKA_RESTART},
        "producer": PRODUCER,
        "consumer": CONSUMER,
    }
    blocks = [f"[{name}]\n{_lines(settings)}" for name, settings in sections.items()]
    return {
        "python/client.ini": "\n".join(blocks),
        "python/client.py": _sample("python/client.py"),
    }


def _go_files(request: BundleRequest) -> dict[str, str]:
    static = {path: _sample(path) for path in ("go/main.go", "go/go.mod", "go/go.sum")}
    login = request.security if isinstance(request.security, SaslSsl) else None
    settings = Template(_sample("go/settings.go.txt")).substitute(
        instance=request.instance,
        sasl_ssl="true" if login else "false",
        mutual_tls="true" if isinstance(request.security, MutualTls) else "false",
        mechanism=login.mechanisms[0] if login else "",
        user=login.user if login else "",
        brokers="\n".join(f'\t"{address}",' for address in request.bootstrap.split(",")),
    )
    return {**static, "go/settings.go": settings}


def _readme(request: BundleRequest) -> str:
    values = {
        "instance": request.instance,
        "bootstrap": request.bootstrap,
        "version": str(request.version),
    }
    security = request.security
    if security is None:
        return Template(_sample("README.plaintext.txt")).substitute(values)
    if isinstance(security, MutualTls):
        return Template(_sample("README.ssl.txt")).substitute(
            values, truststore_password=TRUSTSTORE_PASSWORD, placeholder=PASSWORD_PLACEHOLDER
        )
    return Template(_sample("README.sasl_ssl.txt")).substitute(
        values,
        user=security.user,
        mechanism=security.mechanisms[0],
        others="".join(f" ({each} is accepted too)" for each in security.mechanisms[1:]),
        truststore_password=TRUSTSTORE_PASSWORD,
        placeholder=PASSWORD_PLACEHOLDER,
    )


def _properties(title: str, *parts: Settings) -> str:
    return "\n".join([f"# {title} README.txt explains it.", *map(_lines, parts)])


def _lines(settings: Settings) -> str:
    return "".join(f"{key}={value}\n" for key, value in settings.items())


def _sample(path: str) -> str:
    return files("certs").joinpath("samples", path).read_text(encoding="utf-8")
