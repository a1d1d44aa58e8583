package kafkafleet;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.WeakHashMap;
import javax.security.sasl.SaslServer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Which connections of users have been ended: a file with a line {@code name:mark} per user.
 *
 * <p>A connection belongs to the line that its user had (or had not) at the connection's first
 * request after the login. Once the user's line is another one, or gone, it goes on no more. So a
 * connection that has logged in but asked for nothing yet is taken for a new one; Kafka closes it
 * after {@code connections.max.idle.ms} if it stays so.
 *
 * <p>While the file is missing or malformed nobody's connection is ended: whoever is shut out is
 * shut out by a password, and a disk that hiccups must not cut off every client.
 */
final class Sessions {
    private static final Logger LOG = LoggerFactory.getLogger(Sessions.class);
    private static final String NO_LINE = "";

    private final Path path;
    private final WatchedFile<Map<String, String>> file;
    /** Kafka makes a SaslServer for each login and holds it as long as the connection. */
    private final Map<SaslServer, String> marks = Collections.synchronizedMap(new WeakHashMap<>());
    private volatile boolean complained;

    Sessions(Path path) {
        this.path = path;
        file = new WatchedFile<>(path, Sessions::parse);
    }

    /** Whether the connection of this login, which is the user's, goes on. */
    boolean goesOn(SaslServer login, String user) {
        String mark;
        try {
            mark = file.content().getOrDefault(user, NO_LINE);
        } catch (IOException e) {
            complain(e);
            return true;
        }
        complained = false;
        String first = marks.putIfAbsent(login, mark);
        return first == null || first.equals(mark);
    }

    private void complain(IOException e) {
        if (!complained) {
            LOG.error("no connection can be ended: {} cannot be read: {}", path, e.toString());
            complained = true;
        }
    }

    private static Map<String, String> parse(List<String> lines) throws IOException {
        Map<String, String> marks = new HashMap<>();
        for (int i = 0; i < lines.size(); i++) {
            int colon = lines.get(i).indexOf(':');
            if (colon < 0) {
                throw new IOException("line " + (i + 1) + " is not name:mark");
            }
            marks.put(lines.get(i).substring(0, colon), lines.get(i).substring(colon + 1));
        }
        return marks;
    }
}
