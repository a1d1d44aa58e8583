package kafkafleet;

import static kafkafleet.Tests.data;
import static kafkafleet.Tests.emptyDirectory;
import static kafkafleet.Tests.equal;
import static kafkafleet.Tests.refused;
import static kafkafleet.Tests.replace;

import java.io.Reader;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.PrivilegedExceptionAction;
import java.util.Arrays;
import java.util.Collections;
import java.util.Map;
import java.util.Properties;
import javax.security.auth.Subject;
import javax.security.auth.callback.CallbackHandler;
import javax.security.auth.login.LoginException;
import javax.security.sasl.Sasl;
import javax.security.sasl.SaslException;
import javax.security.sasl.SaslServer;
import org.apache.kafka.common.errors.SaslAuthenticationException;
import org.apache.kafka.common.security.plain.PlainLoginModule;
import org.apache.kafka.common.security.plain.internals.PlainServerCallbackHandler;

/**
 * PLAIN logins against files whose hashes Python made. The passwords: "Pässwörd-€3" of bertha,
 * "Battery-Staple2" of alice once it is changed, "Correct-Horse1" of everybody else. The user
 * costly has ten times the iterations.
 */
public final class PlainUsersTest {
    static {
        // The harder order: Kafka's own mechanism is known to Java before ours.
        new PlainLoginModule();
    }

    private final Properties lines = new Properties();
    private final Path file;
    private final Subject listener;

    public PlainUsersTest() throws Exception {
        try (Reader reader = Files.newBufferedReader(data("lines.properties"))) {
            lines.load(reader);
        }
        file = emptyDirectory().resolve("users");
        replace(file, line("alice"), "", "# a comment", line("bertha"));
        listener = listener(file);
    }

    public void theRightPasswordLogsIn() throws Exception {
        SaslServer login = login("alice", "Correct-Horse1");
        equal(true, login.isComplete());
        equal("alice", login.getAuthorizationID());
        equal("PLAIN", login.getMechanismName());
    }

    public void passwordsAreUtf8() throws Exception {
        equal("bertha", login("bertha", "Pässwörd-€3").getAuthorizationID());
    }

    public void theProberLogsIn() throws Exception {
        replace(file, line("__fleet_probe"));
        equal("__fleet_probe", login("__fleet_probe", "Correct-Horse1").getAuthorizationID());
    }

    public void wrongPasswordsAreRefused() {
        String[] passwords = {"Correct-Horse2", "Correct-Horse", "correct-horse1", "", " "};
        for (String password : passwords) {
            refusedAsWrong("alice", password);
        }
    }

    public void anEmptyPasswordIsRefusedEvenWhereItIsTheRightOne() throws Exception {
        replace(file, line("empty"));
        refusedAsWrong("alice", "");
    }

    public void anotherUsersPasswordIsRefused() {
        refusedAsWrong("bertha", "Correct-Horse1");
    }

    public void unknownUsersAreRefusedInTheSameWords() {
        for (String user : new String[] {"nobody", "Alice", "", "# a comment"}) {
            refusedAsWrong(user, "Correct-Horse1");
        }
    }

    public void anUnknownUserTakesAsLongAsAKnownOne() throws Exception {
        replace(file, line("costly"));
        long known = nanosecondsOfRefusal("costly");
        long unknown = nanosecondsOfRefusal("nobody");
        if (unknown < known / 2 || unknown > known * 2) {
            throw new AssertionError("known " + known + " ns, unknown " + unknown + " ns");
        }
    }

    public void aRefusedLoginHasNoUser() throws Exception {
        SaslServer server = server(listener);
        byte[] wrong = message("", "alice", "x");
        refusedAsWrong(() -> server.evaluateResponse(wrong));
        equal(false, server.isComplete());
        refused(IllegalStateException.class, "nobody has logged in", server::getAuthorizationID);
    }

    public void onlyOneselfIsActedFor() throws Exception {
        equal("alice", answer(message("alice", "alice", "Correct-Horse1")).getAuthorizationID());
        refused(
                SaslAuthenticationException.class,
                "Authentication failed: nobody can act for another user",
                () -> answer(message("bertha", "alice", "Correct-Horse1")));
    }

    public void malformedMessagesAreRefused() {
        String[][] messages = {{}, {"alice", "secret"}, {"", "alice", "secret", ""}};
        int[] parts = {1, 2, 4};
        for (int i = 0; i < messages.length; i++) {
            byte[] message = message(messages[i]);
            String refusal = "the message has " + parts[i] + " parts instead of 3";
            refused(SaslException.class, refusal, () -> answer(message));
        }
        byte[] noText = {0, 'a', 0, (byte) 0xff};
        refused(SaslException.class, "the message is not UTF-8", () -> answer(noText));
        String refusal = "the message has more than 1024 bytes";
        refused(SaslException.class, refusal, () -> answer(new byte[1025]));
    }

    public void usersAreAddedChangedAndRemovedWhileTheListenerLives() throws Exception {
        login("alice", "Correct-Horse1");
        replace(file, line("alice-changed"), line("costly"));
        login("alice", "Battery-Staple2");
        login("costly", "Correct-Horse1");
        refusedAsWrong("alice", "Correct-Horse1");
        replace(file, line("costly"));
        refusedAsWrong("alice", "Battery-Staple2");
    }

    public void aMissingFileLetsNobodyInUntilItIsBack() throws Exception {
        login("alice", "Correct-Horse1");
        Files.delete(file);
        refused(
                SaslAuthenticationException.class,
                "Authentication failed: the broker cannot read its users",
                () -> login("alice", "Correct-Horse1"));
        replace(file, line("alice"));
        login("alice", "Correct-Horse1");
    }

    public void aMalformedLineShutsOutItsUserOnly() throws Exception {
        for (String kind : lines.stringPropertyNames()) {
            if (kind.startsWith("malformed-")) {
                replace(file, line(kind), line("bertha"));
                refusedAsWrong("alice", "Correct-Horse1");
                login("bertha", "Pässwörd-€3");
            }
        }
    }

    public void aReservedNameLogsNobodyIn() throws Exception {
        replace(file, line("reserved"));
        refusedAsWrong("Super", "Correct-Horse1");
    }

    public void aNameThatStandsTwiceIsShutOut() throws Exception {
        replace(file, line("alice"), line("bertha"), line("alice-changed"));
        refusedAsWrong("alice", "Correct-Horse1");
        refusedAsWrong("alice", "Battery-Staple2");
        login("bertha", "Pässwörd-€3");
    }

    public void listenersHaveUsersOfTheirOwn() throws Exception {
        Path other = file.resolveSibling("other");
        replace(other, line("alice-changed"));
        byte[] message = message("", "alice", "Battery-Staple2");
        equal(0, server(listener(other)).evaluateResponse(message).length);
        refusedAsWrong(() -> answer(message));
    }

    public void listenersWithoutTheModuleKeepKafkasOwnMechanism() throws Exception {
        SaslServer server = server(new Subject());
        equal("PlainSaslServer", server.getClass().getSimpleName());
    }

    public void afterLogoutTheSubjectHasNoUsers() throws Exception {
        Subject subject = new Subject();
        PlainUsersLoginModule module = module(subject, users(file));
        module.login();
        module.commit();
        equal(1, subject.getPrivateCredentials().size());
        module.logout();
        equal(0, subject.getPrivateCredentials().size());
    }

    public void theOptionUsersIsNeeded() {
        PlainUsersLoginModule module = module(new Subject(), Collections.emptyMap());
        String refusal = "PlainUsersLoginModule needs the option users=\"PATH\"";
        refused(LoginException.class, refusal, module::login);
        equal(true, module.abort());
    }

    private String line(String name) {
        String line = lines.getProperty(name);
        if (line == null) {
            throw new AssertionError("no line " + name);
        }
        return line;
    }

    private static Subject listener(Path users) throws Exception {
        Subject subject = new Subject();
        PlainUsersLoginModule module = module(subject, users(users));
        module.login();
        module.commit();
        return subject;
    }

    private static Map<String, ?> users(Path file) {
        return Collections.singletonMap("users", file.toString());
    }

    private static PlainUsersLoginModule module(Subject subject, Map<String, ?> options) {
        PlainUsersLoginModule module = new PlainUsersLoginModule();
        module.initialize(subject, null, Collections.emptyMap(), options);
        return module;
    }

    /** Makes the server as Kafka does, acting for the listener's subject. */
    private static SaslServer server(Subject subject) throws Exception {
        Map<String, ?> none = Collections.emptyMap();
        CallbackHandler handler = new PlainServerCallbackHandler();
        PrivilegedExceptionAction<SaslServer> make =
                () -> Sasl.createSaslServer("PLAIN", "kafka", "localhost", none, handler);
        return Subject.doAs(subject, make);
    }

    private void refusedAsWrong(String user, String password) {
        refusedAsWrong(() -> login(user, password));
    }

    private static void refusedAsWrong(Tests.Attempt attempt) {
        String refusal = "Authentication failed: Invalid username or password";
        refused(SaslAuthenticationException.class, refusal, attempt);
    }

    private SaslServer login(String user, String password) throws Exception {
        return answer(message("", user, password));
    }

    private SaslServer answer(byte[] message) throws Exception {
        SaslServer server = server(listener);
        equal(0, server.evaluateResponse(message).length);
        return server;
    }

    private static byte[] message(String... parts) {
        return String.join("\0", Arrays.asList(parts)).getBytes(StandardCharsets.UTF_8);
    }

    private long nanosecondsOfRefusal(String user) {
        long[] costs = new long[5];
        for (int i = 0; i < costs.length; i++) {
            long start = ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
            refusedAsWrong(user, "Wrong-Password1");
            costs[i] = ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime() - start;
        }
        Arrays.sort(costs);
        return costs[costs.length / 2];
    }
}
