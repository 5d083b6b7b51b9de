"""Scores that the estimators should reach; programs that measure the same data share them."""

#: Test accuracy, or F1 of slots and entities, by the number of members.
SCORES = {
    "Japanese vowels": {5: 0.989},
    "SNIPS intents": {1: 0.976, 5: 0.980},
    "CLINC150": {1: 0.930, 5: 0.940},
    "names": {1: 0.776, 5: 0.790},
    "PLAID": {1: 0.87, 5: 0.87},
    "SNIPS slots": {1: 0.947, 3: 0.953},
    "EWT": {1: 0.955, 3: 0.959},
    "W-NUT 2017": {1: 0.20, 3: 0.22},
}
#: In which PLAID should be learned.
PLAID_SECONDS = 600.0
#: Word error rates of CMUdict, by the number of members.
CMUDICT_ERRORS = {1: 0.265, 3: 0.245}
#: Of translations of Tatoeba's test file.
TATOEBA_BLEU = 30.0
#: Nats a character, nats a step, and bits a character of test files.
SHAKESPEARE_NATS = 1.50
CHORALES_NATS = 8.10
TUNES_BITS = 1.20
