package kafkafleet;

import java.nio.file.Paths;
import java.security.Security;
import java.util.Map;
import javax.security.auth.Subject;
import javax.security.auth.callback.CallbackHandler;
import javax.security.auth.login.LoginException;
import javax.security.auth.spi.LoginModule;

/**
 * SASL/PLAIN for a listener, with users in a file that may change at any time.
 *
 * <pre>
 * listener.name.NAME.plain.sasl.jaas.config=kafkafleet.PlainUsersLoginModule required users="PATH";
 * </pre>
 *
 * <p>A user that is added, changed or removed in the file is so at the next login, without a
 * restart and without a listener made anew; connections that are open stay. {@link PlainUser} says
 * what a line of the file is. While the file is missing or unreadable nobody logs in by PLAIN;
 * SCRAM beside it, on the same listener, does not care.
 *
 * <p>Kafka's own way to check PLAIN passwords elsewhere (KIP-86) exists from 2.0 on; this one works
 * on 1.1 too: the module stands in front of Kafka's SASL mechanism of the same name, for those
 * listeners only that name the module.
 */
public final class PlainUsersLoginModule implements LoginModule {
    static {
        // The first place, or Kafka's own PLAIN, when some listener has it, would answer for us.
        Security.insertProviderAt(new PlainUsersProvider(), 1);
    }

    private Subject subject;
    private String path;
    private PlainUsers users;

    @Override
    public void initialize(
            Subject subject,
            CallbackHandler handler,
            Map<String, ?> sharedState,
            Map<String, ?> options) {
        this.subject = subject;
        this.path = (String) options.get("users");
    }

    @Override
    public boolean login() throws LoginException {
        if (path == null || path.isEmpty()) {
            throw new LoginException("PlainUsersLoginModule needs the option users=\"PATH\"");
        }
        users = new PlainUsers(Paths.get(path));
        return true;
    }

    /** Leaves the users where the mechanism finds them: in the subject the listener acts for. */
    @Override
    public boolean commit() {
        return subject.getPrivateCredentials().add(users);
    }

    @Override
    public boolean abort() {
        return logout();
    }

    @Override
    public boolean logout() {
        return users == null || subject.getPrivateCredentials().remove(users);
    }
}
