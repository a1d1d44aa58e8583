package kafkafleet;

import java.security.AccessController;
import java.util.Map;
import java.util.Set;
import javax.security.auth.Subject;
import javax.security.auth.callback.CallbackHandler;
import javax.security.sasl.SaslServer;
import javax.security.sasl.SaslServerFactory;

/** Makes the server side of PLAIN logins on listeners of {@link PlainUsersLoginModule}. */
public final class PlainUsersServerFactory implements SaslServerFactory {
    /**
     * Returns null, which makes Java ask the next provider, on listeners without our users.
     *
     * <p>Kafka makes a SaslServer while it acts for the subject that the listener's login module
     * filled: the only way to know the listener that is the same on every version.
     */
    @Override
    public SaslServer createSaslServer(
            String mechanism,
            String protocol,
            String serverName,
            Map<String, ?> props,
            CallbackHandler handler) {
        Subject subject = Subject.getSubject(AccessController.getContext());
        if (subject == null) {
            return null;
        }
        Set<PlainUsers> users = subject.getPrivateCredentials(PlainUsers.class);
        return users.isEmpty() ? null : new PlainUsersServer(users.iterator().next());
    }

    @Override
    public String[] getMechanismNames(Map<String, ?> props) {
        return new String[] {PlainUsersServer.MECHANISM};
    }
}
