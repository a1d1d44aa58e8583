package kafkafleet;

import static kafkafleet.Tests.emptyDirectory;
import static kafkafleet.Tests.equal;
import static kafkafleet.Tests.refused;
import static kafkafleet.Tests.replace;

import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import javax.security.sasl.SaslServer;
import org.apache.kafka.common.errors.SaslAuthenticationException;
import org.apache.kafka.common.security.auth.SaslAuthenticationContext;
import org.apache.kafka.common.security.auth.SecurityProtocol;

/** Connections of users that go on, and that were ended. */
public final class SessionsTest {
    private final Path file;
    private final Sessions sessions;

    public SessionsTest() throws Exception {
        file = emptyDirectory().resolve("sessions");
        replace(file, "alice:0", "bertha:7");
        sessions = new Sessions(file);
    }

    public void aConnectionGoesOnWhileItsLineStays() throws Exception {
        SaslServer login = new Login("alice");
        equal(true, sessions.goesOn(login, "alice"));
        replace(file, "bertha:8", "alice:0", "carla:1");
        equal(true, sessions.goesOn(login, "alice"));
    }

    public void anotherMarkEndsTheOldConnectionAndNotTheNextOne() throws Exception {
        SaslServer before = new Login("alice");
        sessions.goesOn(before, "alice");
        replace(file, "alice:8", "bertha:7");
        SaslServer after = new Login("alice");
        equal(true, sessions.goesOn(after, "alice"));
        equal(false, sessions.goesOn(before, "alice"));
        equal(true, sessions.goesOn(after, "alice"));
    }

    public void aLineThatIsGoneEndsTheConnection() throws Exception {
        SaslServer login = new Login("bertha");
        sessions.goesOn(login, "bertha");
        replace(file, "alice:0");
        equal(false, sessions.goesOn(login, "bertha"));
    }

    public void whoNeverHadALineGoesOn() throws Exception {
        SaslServer login = new Login("__fleet_probe");
        equal(true, sessions.goesOn(login, "__fleet_probe"));
        replace(file, "alice:9");
        equal(true, sessions.goesOn(login, "__fleet_probe"));
    }

    public void aMissingFileEndsNobody() throws Exception {
        SaslServer login = new Login("alice");
        sessions.goesOn(login, "alice");
        Files.delete(file);
        equal(true, sessions.goesOn(login, "alice"));
        replace(file, "alice:1");
        equal(false, sessions.goesOn(login, "alice"));
    }

    public void aMalformedFileEndsNobody() throws Exception {
        SaslServer login = new Login("alice");
        sessions.goesOn(login, "alice");
        replace(file, "alice:1", "bertha");
        equal(true, sessions.goesOn(login, "alice"));
    }

    public void theBuilderRefusesAConnectionThatWasEnded() throws Exception {
        System.setProperty(ListenerPrincipalBuilder.SESSIONS, file.toString());
        ListenerPrincipalBuilder builder = new ListenerPrincipalBuilder();
        System.clearProperty(ListenerPrincipalBuilder.SESSIONS);
        SaslAuthenticationContext alice = context(new Login("alice"));
        equal("alice", builder.build(alice).getName());
        replace(file, "alice:1");
        refused(
                SaslAuthenticationException.class,
                "the connections of alice were ended",
                () -> builder.build(alice));
        equal("alice", builder.build(context(new Login("alice"))).getName());
    }

    private static SaslAuthenticationContext context(SaslServer login) {
        InetAddress here = InetAddress.getLoopbackAddress();
        return new SaslAuthenticationContext(login, SecurityProtocol.SASL_SSL, here, "PRIVATE");
    }

    /** A login that has ended well. */
    private static final class Login implements SaslServer {
        private final String user;

        Login(String user) {
            this.user = user;
        }

        @Override
        public String getAuthorizationID() {
            return user;
        }

        @Override
        public boolean isComplete() {
            return true;
        }

        @Override
        public String getMechanismName() {
            return "SCRAM-SHA-512";
        }

        @Override
        public byte[] evaluateResponse(byte[] response) {
            throw new IllegalStateException();
        }

        @Override
        public byte[] unwrap(byte[] incoming, int offset, int length) {
            throw new IllegalStateException();
        }

        @Override
        public byte[] wrap(byte[] outgoing, int offset, int length) {
            throw new IllegalStateException();
        }

        @Override
        public Object getNegotiatedProperty(String name) {
            return null;
        }

        @Override
        public void dispose() {}
    }
}
