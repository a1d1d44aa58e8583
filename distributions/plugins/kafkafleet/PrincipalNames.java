package kafkafleet;

import java.util.Arrays;
import java.util.HashSet;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Pattern;

/** Which names a client may have. */
final class PrincipalNames {
    /** What a user may be called; said in refusals. */
    static final String RULE =
            "it needs 4-64 letters, digits, '-' and '_', a letter first, and is not reserved";

    /** The product's own prober; no user can be called so, for no user name starts with '_'. */
    private static final String PROBE = "__fleet_probe";

    private static final Pattern USER = Pattern.compile("[A-Za-z][A-Za-z0-9_-]{3,63}");

    /** Names of brokers, of the product and of Kafka itself, in lower case. */
    private static final Set<String> RESERVED = new HashSet<>(
            Arrays.asList("anonymous", "broker", "control", "kafka", "super", "zkpeer"));

    private PrincipalNames() {}

    static boolean mayBeClient(String name) {
        return name.equals(PROBE) || isUser(name);
    }

    private static boolean isUser(String name) {
        return USER.matcher(name).matches() && !RESERVED.contains(name.toLowerCase(Locale.ROOT));
    }
}
