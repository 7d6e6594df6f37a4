import eu.europa.esig.dss.diagnostic.CertificateRevocationWrapper;
import eu.europa.esig.dss.diagnostic.CertificateWrapper;
import eu.europa.esig.dss.diagnostic.DiagnosticData;
import eu.europa.esig.dss.model.DSSDocument;
import eu.europa.esig.dss.model.FileDocument;
import eu.europa.esig.dss.jaxb.object.Message;
import eu.europa.esig.dss.simplereport.SimpleReport;
import eu.europa.esig.dss.spi.DSSUtils;
import eu.europa.esig.dss.spi.validation.CommonCertificateVerifier;
import eu.europa.esig.dss.spi.x509.CommonCertificateSource;
import eu.europa.esig.dss.spi.x509.CommonTrustedCertificateSource;
import eu.europa.esig.dss.spi.x509.revocation.crl.ExternalResourcesCRLSource;
import eu.europa.esig.dss.spi.x509.revocation.ocsp.ExternalResourcesOCSPSource;
import eu.europa.esig.dss.validation.SignedDocumentValidator;
import eu.europa.esig.dss.validation.reports.Reports;
import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Date;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jose4j.json.JsonUtil;

/**
 * What DSS says of each file that FOLDER/manifest.json names, one JSON line each.
 *
 * <p>The manifest names files of its folder: `anchors`, all that is trusted; `certificates`, known and not
 * trusted; `crls` and `ocsps`, all that is known of revocation; each `file` of `files`, what to validate. The
 * validation policy is the one that DSS comes with. Nothing is fetched: no online source is given.
 * With a second folder, the detailed reports of DSS are written there.
 */
public final class Validate {
    public static void main(String[] arguments) throws Exception {
        Path folder = Path.of(arguments[0]);
        Map<String, Object> manifest = JsonUtil.parseJson(Files.readString(folder.resolve("manifest.json")));
        CommonTrustedCertificateSource anchors = new CommonTrustedCertificateSource();
        named(manifest, "anchors", folder).forEach(file -> anchors.addCertificate(DSSUtils.loadCertificate(file)));
        CommonCertificateSource known = new CommonCertificateSource();
        named(manifest, "certificates", folder).forEach(file -> known.addCertificate(DSSUtils.loadCertificate(file)));

        CommonCertificateVerifier verifier = new CommonCertificateVerifier(true); // true: without an AIA source
        verifier.addTrustedCertSources(anchors);
        verifier.addAdjunctCertSources(known);
        verifier.setCrlSource(new ExternalResourcesCRLSource(documents(named(manifest, "crls", folder))));
        verifier.setOcspSource(new ExternalResourcesOCSPSource(documents(named(manifest, "ocsps", folder))));

        for (Object entry : (List<?>) manifest.get("files")) {
            File file = folder.resolve((String) ((Map<?, ?>) entry).get("file")).toFile();
            Map<String, Object> said = new LinkedHashMap<>();
            said.put("file", file.getName());
            try {
                SignedDocumentValidator validator = SignedDocumentValidator.fromDocument(new FileDocument(file));
                validator.setCertificateVerifier(verifier);
                Reports reports = validator.validateDocument();
                said.putAll(inShort(reports));
                if (arguments.length > 1) {
                    Path report = Path.of(arguments[1], file.getName() + ".detailed.xml");
                    Files.writeString(report, reports.getXmlDetailedReport());
                }
            } catch (RuntimeException refusal) {
                said.put("indication", "UNREADABLE");
                said.put("errors", List.of(refusal.toString()));
            }
            System.out.println(JsonUtil.toJson(said));
        }
    }

    private static Map<String, Object> inShort(Reports reports) {
        SimpleReport report = reports.getSimpleReport();
        DiagnosticData data = reports.getDiagnosticData();
        if (report.getSignaturesCount() != 1) {
            return Map.of("indication", "UNREADABLE", "errors", List.of(report.getSignaturesCount() + " signatures"));
        }
        String id = report.getFirstSignatureId();
        Map<String, Object> said = new LinkedHashMap<>();
        said.put("format", report.getSignatureFormat(id).toString());
        said.put("indication", report.getIndication(id).toString());
        said.put("subindication", text(report.getSubIndication(id)));
        said.put("timestamps", data.getTimestampList(id).stream().map(stamp -> Map.of(
            "type", stamp.getType().name(),
            "indication", report.getIndication(stamp.getId()).toString(),
            "subindication", text(report.getSubIndication(stamp.getId())))).toList());
        said.putAll(certificate(data.getSignatureById(id).getSigningCertificate(), report.getValidationTime()));
        said.put("errors", report.getAdESValidationErrors(id).stream().map(Message::getValue).toList());
        return said;
    }

    private static Map<String, Object> certificate(CertificateWrapper seal, Date at) {
        if (seal == null) {
            return Map.of();
        }
        List<CertificateRevocationWrapper> states = seal.getCertificateRevocationData();
        String state = states.isEmpty() ? "NOT KNOWN"
            : states.stream().anyMatch(CertificateRevocationWrapper::isRevoked) ? "REVOKED" : "NOT REVOKED";
        return Map.of("revocation", state, "expired", seal.getNotAfter().before(at));
    }

    private static String text(Enum<?> value) {
        return value == null ? "" : value.name();
    }

    private static List<File> named(Map<String, Object> manifest, String list, Path folder) {
        return ((List<?>) manifest.get(list)).stream().map(name -> folder.resolve((String) name).toFile()).toList();
    }

    private static DSSDocument[] documents(List<File> files) {
        return files.stream().map(FileDocument::new).toArray(DSSDocument[]::new);
    }
}
