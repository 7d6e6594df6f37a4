"""What people give to be verified, and what is meant by it: the service and the page are held to the same."""

HERE = "https://sigillo.example.org"
NUMBER = "DLE-26-7K3Q-F9XM-2T5H-65"

# A text, and whether somebody meant a number by it.
MEANT_AS_NUMBERS = {
    NUMBER: True,
    NUMBER.lower(): True,
    NUMBER.replace("-", ""): True,
    NUMBER.replace("-", " "): True,
    "D L E - 2 6 - 7 K 3 Q - F 9 X M - 2 T 5 H - 6 5": True,
    NUMBER.replace("-", "\N{EN DASH}"): True,
    NUMBER.replace("-", "\N{NO-BREAK SPACE}"): True,
    NUMBER[:-1] + "6": True,
    NUMBER[:-1]: True,
    NUMBER[:-3]: True,
    NUMBER + "5": True,
    NUMBER.replace("DLE", "D1E"): True,
    NUMBER.replace("26", "2O"): True,
    "": False,
    "hello": False,
    "DLE-26": False,
    "Alba Neri, Milano": False,
    "nothing that could be verified here": False,
    "millionairesclub": False,
    "e30.e30.AA": False,
    f"{NUMBER}.": False,
    "https://sigillo.example.org/v/DLE-26": False,
    "data:application/vc+jwt,DLE267K3QF9XM2T5H65": False,
    "1234567890123456789012345": False,
    "\N{LATIN SMALL LETTER DOTLESS I}LE-26-7K3Q-F9XM-2T5H-65": False,
    NUMBER + "-" * 100: False,
}

# An address, and whether it is one of the page that verifies, with digits behind its hash.
DIGITS = "1" + "0123456789" * 40
WITH_DIGITS = {
    f"{HERE}/v#{DIGITS}": True,
    f"{HERE}/v/#{DIGITS}": True,
    f"{HERE}/v?lang=it#{DIGITS}": True,
    f"{HERE}/v?lang=en#{DIGITS}": True,
    f"{HERE}/v/?lang=it#{DIGITS}": True,
    f"{HERE}/v?#{DIGITS}": True,
    f"HTTPS://Sigillo.Example.ORG/v#{DIGITS}": True,
    f"{HERE}/v?lang=de#{DIGITS}": False,
    f"{HERE}/v?lang=it&x=1#{DIGITS}": False,
    f"{HERE}/v?x=1#{DIGITS}": False,
    f"{HERE}/V#{DIGITS}": False,
    f"{HERE}/v//#{DIGITS}": False,
    f"{HERE}/w#{DIGITS}": False,
    f"{HERE}#{DIGITS}": False,
    f"{HERE}/v/{NUMBER}#{DIGITS}": False,
    f"{HERE}/v": False,
    f"{HERE}/v#": False,
    f"{HERE}/v/?lang=it": False,
    f"http://sigillo.example.org/v#{DIGITS}": False,
    f"{HERE}:8443/v#{DIGITS}": False,
    f"{HERE}.evil.example/v#{DIGITS}": False,
    f"{HERE}@evil.example/v#{DIGITS}": False,
    f"https://user@sigillo.example.org/v#{DIGITS}": False,
    f"https://evil.example/{HERE}/v#{DIGITS}": False,
    f"https://evil.example/?{HERE}/v#{DIGITS}": False,
}
