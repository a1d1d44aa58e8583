package kafkafleet;

import static kafkafleet.Tests.data;
import static kafkafleet.Tests.emptyDirectory;
import static kafkafleet.Tests.equal;
import static kafkafleet.Tests.refused;
import static kafkafleet.Tests.replace;

import java.io.File;
import java.io.InputStream;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Proxy;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import javax.net.ssl.SSLPeerUnverifiedException;
import javax.net.ssl.SSLSession;
import javax.security.sasl.SaslServer;
import org.apache.kafka.common.errors.SslAuthenticationException;
import org.apache.kafka.common.security.auth.AuthenticationContext;
import org.apache.kafka.common.security.auth.KafkaPrincipal;
import org.apache.kafka.common.security.auth.PlaintextAuthenticationContext;
import org.apache.kafka.common.security.auth.SaslAuthenticationContext;
import org.apache.kafka.common.security.auth.SecurityProtocol;
import org.apache.kafka.common.security.auth.SslAuthenticationContext;

/** Who a client is. The certificate of {@code alice} has the serial number 0x4a7f. */
public final class ListenerPrincipalBuilderTest {
    private static final InetAddress HERE = InetAddress.getLoopbackAddress();
    private static final String NO_USER =
            " is refused: its common name is no user's: it needs 4-64 letters, digits, '-' and '_',"
                    + " a letter first, and is not reserved";

    private final Path list;

    public ListenerPrincipalBuilderTest() throws Exception {
        list = emptyDirectory().resolve("revoked");
        replace(list);
    }

    public void saslGivesTheNameThatLoggedIn() {
        equal(new KafkaPrincipal("User", "alice"), builder(list).build(sasl("alice")));
    }

    public void plaintextGivesAnonymous() {
        equal(new KafkaPrincipal("User", "ANONYMOUS"), builder(list).build(plaintext()));
    }

    public void everyNameOfTheRuleIsAccepted() throws Exception {
        for (File file : data("accepted").toFile().listFiles()) {
            KafkaPrincipal found = builder(list).build(tls(certificate(file.toPath())));
            equal(new KafkaPrincipal("User", file.getName()), found);
        }
    }

    public void everyOtherNameIsRefused() throws Exception {
        for (File file : data("refused").toFile().listFiles()) {
            String serial = file.getName();
            refused(
                    SslAuthenticationException.class,
                    "client certificate " + serial + NO_USER,
                    () -> builder(list).build(tls(certificate(file.toPath()))));
        }
    }

    public void noCommonNameIsRefused() throws Exception {
        refusedForCommonNames("none", "ca", 0);
    }

    public void twoCommonNamesAreRefused() throws Exception {
        refusedForCommonNames("two", "cb", 2);
    }

    public void aSecondCommonNameInTheSamePartIsRefused() throws Exception {
        refusedForCommonNames("joined", "cc", 2);
    }

    private void refusedForCommonNames(String subject, String serial, int count) throws Exception {
        AuthenticationContext client = tls(certificate(data("subjects").resolve(subject)));
        refused(
                SslAuthenticationException.class,
                "client certificate " + serial + " is refused: its subject has " + count
                        + " common names instead of one",
                () -> builder(list).build(client));
    }

    public void noCertificateIsRefused() {
        refused(
                SslAuthenticationException.class,
                "the client has shown no certificate",
                () -> builder(list).build(tls()));
    }

    public void revokedSerialNumbersAreRefusedHoweverTheyAreWritten() throws Exception {
        for (String line : new String[] {"4a7f", "4A7F", "004A7F", "  4a7f "}) {
            replace(list, "# a comment", "", "1", line);
            refusedAsRevoked(builder(list));
        }
    }

    public void othersRevokedSerialNumbersDoNotMatter() throws Exception {
        replace(list, "4a7e", "4a7f0", "14a7f");
        builder(list).build(alice());
    }

    public void theListIsReadAgainWhenItChanges() throws Exception {
        ListenerPrincipalBuilder builder = builder(list);
        builder.build(alice());
        replace(list, "4a7f");
        refusedAsRevoked(builder);
        replace(list, "4a7e");
        builder.build(alice());
    }

    public void aListWrittenInPlaceIsReadAgain() throws Exception {
        ListenerPrincipalBuilder builder = builder(list);
        replace(list, "4a7e");
        builder.build(alice());
        Files.write(list, "4a7f\n".getBytes());
        Files.setLastModifiedTime(list, FileTime.fromMillis(1_000));
        refusedAsRevoked(builder);
    }

    public void aReplacedListOfTheSameSizeAndTimeIsReadAgain() throws Exception {
        ListenerPrincipalBuilder builder = builder(list);
        replace(list, "4a7e");
        FileTime time = Files.getLastModifiedTime(list);
        builder.build(alice());
        Path other = list.resolveSibling("other");
        replace(other, "4a7f");
        Files.setLastModifiedTime(other, time);
        Files.move(other, list, StandardCopyOption.ATOMIC_MOVE);
        refusedAsRevoked(builder);
    }

    public void aMissingListRefusesCertificatesUntilItIsBack() throws Exception {
        ListenerPrincipalBuilder builder = builder(list);
        builder.build(alice());
        Files.delete(list);
        refusedForTheList(builder, "java.nio.file.NoSuchFileException: " + list);
        replace(list);
        builder.build(alice());
    }

    public void aMalformedListRefusesEveryCertificate() throws Exception {
        for (String line : new String[] {"0x4a7f", "4a:7f", "-1", "4a7g", "1 2", "4a7f,"}) {
            replace(list, "1", line);
            refusedForTheList(
                    builder(list),
                    "java.io.IOException: line 2 is no serial number of 1-40 hexadecimal digits");
        }
    }

    public void withoutAListInTheSettingsCertificatesAreRefused() {
        refused(
                SslAuthenticationException.class,
                "client certificate 4a7f is refused: the system property"
                        + " kafkafleet.revoked.serials is not set",
                () -> builder(null).build(alice()));
    }

    public void saslAndPlaintextDoNotNeedTheList() {
        for (Path path : new Path[] {null, list.resolveSibling("missing")}) {
            builder(path).build(sasl("alice"));
            builder(path).build(plaintext());
        }
    }

    private static void refusedAsRevoked(ListenerPrincipalBuilder builder) {
        refused(
                SslAuthenticationException.class,
                "client certificate 4a7f is refused: it is revoked",
                () -> builder.build(alice()));
    }

    private void refusedForTheList(ListenerPrincipalBuilder builder, String reason) {
        refused(
                SslAuthenticationException.class,
                "client certificate 4a7f is refused: the list " + list + " cannot be read: "
                        + reason,
                () -> builder.build(alice()));
    }

    private static ListenerPrincipalBuilder builder(Path list) {
        if (list == null) {
            System.clearProperty(ListenerPrincipalBuilder.REVOKED_SERIALS);
        } else {
            System.setProperty(ListenerPrincipalBuilder.REVOKED_SERIALS, list.toString());
        }
        return new ListenerPrincipalBuilder();
    }

    private static AuthenticationContext plaintext() {
        return new PlaintextAuthenticationContext(HERE, "PRIVATE");
    }

    private static AuthenticationContext sasl(String user) {
        SaslServer server = answering(SaslServer.class, "getAuthorizationID", user);
        return new SaslAuthenticationContext(server, SecurityProtocol.SASL_SSL, HERE, "PRIVATE");
    }

    private static AuthenticationContext alice() throws Exception {
        return tls(certificate(data("accepted").resolve("alice")));
    }

    private static AuthenticationContext tls(Certificate... chain) {
        Object answer = chain.length > 0 ? chain : new SSLPeerUnverifiedException("no certificate");
        SSLSession session = answering(SSLSession.class, "getPeerCertificates", answer);
        return new SslAuthenticationContext(session, HERE, "PRIVATE");
    }

    private static Certificate certificate(Path file) throws Exception {
        try (InputStream pem = Files.newInputStream(file)) {
            return CertificateFactory.getInstance("X.509").generateCertificate(pem);
        }
    }

    /** Returns an object of a JDK interface that answers one question, by value or by exception. */
    private static <T> T answering(Class<T> type, String question, Object answer) {
        InvocationHandler handler = (proxy, method, arguments) -> {
            equal(question, method.getName());
            if (answer instanceof Exception) {
                throw (Exception) answer;
            }
            return answer;
        };
        Class<?>[] types = {type};
        return type.cast(Proxy.newProxyInstance(type.getClassLoader(), types, handler));
    }
}
