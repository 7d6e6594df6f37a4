import java.io.FileInputStream;
import java.util.logging.Level;
import java.util.logging.Logger;
import org.verapdf.gf.foundry.VeraGreenfieldFoundryProvider;
import org.verapdf.pdfa.Foundries;
import org.verapdf.pdfa.PDFAParser;
import org.verapdf.pdfa.PDFAValidator;
import org.verapdf.pdfa.flavours.PDFAFlavour;
import org.verapdf.pdfa.results.TestAssertion;
import org.verapdf.pdfa.results.ValidationResult;

/** Says of each file how many checks of PDF/UA-1 were made and how many failed, and then which ones. */
public final class Judge {
    public static void main(String[] files) throws Exception {
        Logger.getLogger("").setLevel(Level.OFF);
        VeraGreenfieldFoundryProvider.initialise();
        for (String file : files) {
            try (FileInputStream content = new FileInputStream(file);
                    PDFAParser parser = Foundries.defaultInstance().createParser(content, PDFAFlavour.PDFUA_1);
                    PDFAValidator validator =
                            Foundries.defaultInstance().createValidator(PDFAFlavour.PDFUA_1, false)) {
                ValidationResult result = validator.validate(parser);
                long failed = result.getFailedChecks().values().stream().mapToInt(Integer::intValue).sum();
                System.out.println(result.getTotalAssertions() + "\t" + failed + "\t" + result.isCompliant());
                for (TestAssertion each : result.getTestAssertions()) {
                    if (each.getStatus() == TestAssertion.Status.FAILED) {
                        System.out.println("\t" + each.getRuleId().getClause() + ": " + each.getMessage());
                    }
                }
            }
        }
    }
}
