package kafkafleet;

import java.io.IOException;
import java.math.BigInteger;
import java.nio.file.Paths;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.List;
import javax.naming.NamingException;
import javax.naming.directory.Attribute;
import javax.naming.ldap.LdapName;
import javax.naming.ldap.Rdn;
import javax.net.ssl.SSLPeerUnverifiedException;
import javax.net.ssl.SSLSession;
import javax.security.sasl.SaslServer;
import org.apache.kafka.common.errors.SaslAuthenticationException;
import org.apache.kafka.common.errors.SslAuthenticationException;
import org.apache.kafka.common.security.auth.AuthenticationContext;
import org.apache.kafka.common.security.auth.KafkaPrincipal;
import org.apache.kafka.common.security.auth.KafkaPrincipalBuilder;
import org.apache.kafka.common.security.auth.PlaintextAuthenticationContext;
import org.apache.kafka.common.security.auth.SaslAuthenticationContext;
import org.apache.kafka.common.security.auth.SslAuthenticationContext;

/**
 * Says who a client is, on the listeners that clients use.
 *
 * <ul>
 *   <li>SASL: {@code User:} and the name that logged in, as long as the user's connections were
 *       not ended since ({@link Sessions}).
 *   <li>Plaintext: {@code User:ANONYMOUS}.
 *   <li>TLS with a client certificate: {@code User:} and the subject's only common name, when a
 *       user (or the product's prober) may be called so and the serial number is not revoked. Every
 *       other certificate is refused, so none can name a super user, whoever signed it.
 * </ul>
 *
 * <p>Set it per listener ({@code listener.name.NAME.principal.builder.class}), never broker-wide:
 * the listeners between brokers need the whole subject.
 *
 * <p>The list of revoked serial numbers lies at the path in the system property
 * {@value #REVOKED_SERIALS} (brokers before 2.4 hand no settings of ours to a builder). It is read
 * again when it changes; Kafka asks for every request, so revoking ends open connections too.
 * While the list is missing or malformed, every certificate is refused and nobody else.
 *
 * <p>The marks of sessions lie at the path in the system property {@value #SESSIONS}; without it no
 * connection can be ended.
 *
 * <p>Not a {@code KafkaPrincipalSerde}: only brokers that forward requests (KRaft, from 2.8 on)
 * ask for it, and 1.1 to 2.7 do not have it.
 */
public final class ListenerPrincipalBuilder implements KafkaPrincipalBuilder {
    public static final String REVOKED_SERIALS = "kafkafleet.revoked.serials";

    public static final String SESSIONS = "kafkafleet.sessions";

    private final Sessions sessions;
    private final String path;
    private final RevokedSerials revoked;

    public ListenerPrincipalBuilder() {
        String marks = System.getProperty(SESSIONS);
        sessions = marks == null ? null : new Sessions(Paths.get(marks));
        path = System.getProperty(REVOKED_SERIALS);
        revoked = path == null ? null : new RevokedSerials(Paths.get(path));
    }

    @Override
    public KafkaPrincipal build(AuthenticationContext context) {
        KafkaPrincipal client = principal(context);
        Clients.OF_THIS_BROKER.note(client.getName(), context.clientAddress());
        return client;
    }

    private KafkaPrincipal principal(AuthenticationContext context) {
        if (context instanceof SaslAuthenticationContext) {
            return ofLogin(((SaslAuthenticationContext) context).server());
        }
        if (context instanceof SslAuthenticationContext) {
            return ofCertificate(((SslAuthenticationContext) context).session());
        }
        if (context instanceof PlaintextAuthenticationContext) {
            return KafkaPrincipal.ANONYMOUS;
        }
        throw new IllegalArgumentException("unknown kind of login: " + context.getClass());
    }

    private KafkaPrincipal ofLogin(SaslServer login) {
        String name = login.getAuthorizationID();
        if (sessions != null && !sessions.goesOn(login, name)) {
            throw new SaslAuthenticationException("the connections of " + name + " were ended");
        }
        return user(name);
    }

    private static KafkaPrincipal user(String name) {
        return new KafkaPrincipal(KafkaPrincipal.USER_TYPE, name);
    }

    private KafkaPrincipal ofCertificate(SSLSession session) {
        X509Certificate certificate = clientCertificate(session);
        BigInteger serial = certificate.getSerialNumber();
        if (isRevoked(serial)) {
            throw refused(serial, "it is revoked");
        }
        List<String> names = commonNames(certificate);
        if (names.size() != 1) {
            String reason = "its subject has " + names.size() + " common names instead of one";
            throw refused(serial, reason);
        }
        if (!PrincipalNames.mayBeClient(names.get(0))) {
            throw refused(serial, "its common name is no user's: " + PrincipalNames.RULE);
        }
        return user(names.get(0));
    }

    private static X509Certificate clientCertificate(SSLSession session) {
        try {
            return (X509Certificate) session.getPeerCertificates()[0];
        } catch (SSLPeerUnverifiedException e) {
            throw new SslAuthenticationException("the client has shown no certificate");
        }
    }

    private boolean isRevoked(BigInteger serial) {
        if (revoked == null) {
            throw refused(serial, "the system property " + REVOKED_SERIALS + " is not set");
        }
        try {
            return revoked.contains(serial);
        } catch (IOException e) {
            throw refused(serial, "the list " + path + " cannot be read: " + e);
        }
    }

    /** Returns every common name, those beside others in one part ({@code CN=a+UID=b}) too. */
    private static List<String> commonNames(X509Certificate certificate) {
        List<String> names = new ArrayList<>();
        try {
            LdapName subject = new LdapName(certificate.getSubjectX500Principal().getName());
            for (Rdn part : subject.getRdns()) {
                Attribute commonName = part.toAttributes().get("CN");
                for (int i = 0; commonName != null && i < commonName.size(); i++) {
                    names.add(String.valueOf(commonName.get(i)));
                }
            }
        } catch (NamingException e) {
            throw refused(certificate.getSerialNumber(), "its subject cannot be read: " + e);
        }
        return names;
    }

    /**
     * Returns a refusal without a cause: a refused client may come back twenty times a second, and
     * Kafka would log the stack of the cause twice each time. It logs no stack of the refusal.
     */
    private static SslAuthenticationException refused(BigInteger serial, String reason) {
        String certificate = "client certificate " + serial.toString(16);
        return new SslAuthenticationException(certificate + " is refused: " + reason);
    }
}
