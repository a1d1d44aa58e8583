import java.io.FileInputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.X509Certificate;
import java.util.Collections;

/** Prints the entries of a store: kind, alias, length of the chain, and the name Kafka gives it. */
class ReadStore {
    public static void main(String[] arguments) throws Exception {
        char[] password = Files.readString(Path.of("password")).trim().toCharArray();
        for (String argument : arguments) {
            String[] typeAndFile = argument.split(":");
            KeyStore store = KeyStore.getInstance(typeAndFile[0]);
            try (FileInputStream file = new FileInputStream(typeAndFile[1])) {
                store.load(file, password);
            }
            for (String alias : Collections.list(store.aliases())) {
                System.out.println(argument + " " + describe(store, alias, password));
            }
        }
    }

    private static String describe(KeyStore store, String alias, char[] password) throws Exception {
        X509Certificate certificate = (X509Certificate) store.getCertificate(alias);
        String name = certificate.getSubjectX500Principal().getName();
        if (store.isCertificateEntry(alias)) {
            return "trusts " + alias + " " + name;
        }
        Certificate[] chain = store.getCertificateChain(alias);
        String key = store.getKey(alias, password).getAlgorithm();
        return key + " " + alias + " " + chain.length + " " + name;
    }
}
