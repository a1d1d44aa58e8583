package kafkafleet;

import java.io.IOException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The users of SASL/PLAIN: a file with a {@link PlainUser} per line, empty lines and lines that
 * start with {@code #} aside. It is read again when it changes.
 *
 * <p>A malformed line, and every line of a name that stands there twice, opens for nobody and is
 * logged by its number; the other users go on.
 */
final class PlainUsers {
    private static final Logger LOG = LoggerFactory.getLogger(PlainUsers.class);

    /** What an unknown name costs while there are no users. */
    private static final int NO_USERS_ITERATIONS = 4096;

    private final Path path;
    private final WatchedFile<Map<String, PlainUser>> file;

    PlainUsers(Path path) {
        this.path = path;
        file = new WatchedFile<>(path, this::parse);
    }

    /**
     * Whether the name exists and this is its password.
     *
     * <p>An unknown name takes as long as the most expensive known one: write all users with the
     * same iterations, and time does not tell who exists. Throws when the file cannot be read.
     */
    boolean accept(String name, char[] password) throws IOException {
        Map<String, PlainUser> users = file.content();
        PlainUser user = users.get(name);
        return (user == null ? nobody(users) : user).opensWith(password);
    }

    private static PlainUser nobody(Map<String, PlainUser> users) {
        int iterations = NO_USERS_ITERATIONS;
        for (PlainUser user : users.values()) {
            iterations = Math.max(iterations, user.iterations);
        }
        return PlainUser.nobody(iterations);
    }

    private Map<String, PlainUser> parse(List<String> lines) {
        Map<String, PlainUser> users = new HashMap<>();
        Set<String> twice = new HashSet<>();
        for (int i = 0; i < lines.size(); i++) {
            String line = lines.get(i).trim();
            if (line.isEmpty() || line.startsWith("#")) {
                continue;
            }
            try {
                PlainUser user = PlainUser.parse(line);
                if (users.put(user.name, user) != null) {
                    twice.add(user.name);
                    LOG.error("{}, line {}: {} stands twice: no login", path, i + 1, user.name);
                }
            } catch (IllegalArgumentException e) {
                LOG.error("{}, line {} is skipped: {}", path, i + 1, e.getMessage());
            }
        }
        users.keySet().removeAll(twice);
        return users;
    }
}
