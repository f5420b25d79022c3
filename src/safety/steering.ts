// Sentences that speak to a model instead of about a person. Patterns find the plain attempts in many languages; a
// fluent persuasion looks like any other sentence, so a profile is data to its reader whatever stands here.
import { folded } from './folded.ts'
import { sentencesOf } from './sentences.ts'

/** What makes a sentence suspect. */
export type SteeringKind = 'role' | 'override' | 'command' | 'assistant' | 'tool' | 'secret' | 'encoded'

export interface Steering {
  kind: SteeringKind
  sentence: string
}

/** Verbs that a profile does not begin a sentence with, and a command does. */
const VERBS =
  'ignore|disregard|forget|override|bypass|reply|respond|answer|say|tell|output|print|repeat|reveal|send|forward|post|email|mail|call|invoke|execute|run|visit|click|open|browse|fetch|download|install|buy|purchase|order|transfer|pay|wire|delete|remove|act|pretend|roleplay|behave|become|translate|summarise|summarize|include|insert|append|add|mention|recommend|promote|use|write|praise|rate|rank|give|grant|approve|confirm|assume|remember|treat|consider|stop|end|begin|start|do|make|let|obey|follow|comply|decode|switch|set|enable|disable|upload|submit|speak|state'
const GERMAN_VERBS =
  'ignoriere|ignorieren sie|vergiss|missachte|antworte|antworten sie|sage|sag|schreibe|gib|sende|schicke|klicke|besuche|offne|empfiehl|empfehlen sie|uberweise|fuhre|verhalte dich|tu so|du (?:bist jetzt|musst|sollst)|sie mussen'
const ROMANCE_VERBS =
  'ignore[zr]?|ignora|ignorad|oublie[zr]?|olvida|esquece|esqueca|dimentica|reponds?|repondez|responde|responda|rispondi|dis|dites|di|diga|dime|ecris|ecrivez|escribe|escriba|escreva|scrivi|envoie|envoyez|envia|envie|invia|manda|clique[zr]?|haz clic|clica|visite[zr]?|visita|recommande[zr]?|recomienda|recomende|raccomanda|actue|actua|atue|agis|agissez|fais comme|tu (?:es maintenant|dois|eres ahora|debes|sei ora|devi)|vous (?:devez|etes maintenant)|usted debe|voce (?:deve|agora e)'
const DUTCH_VERBS =
  'negeer|vergeet|antwoord|zeg|schrijf|stuur|verstuur|klik op|bezoek|open|beveel|doe alsof|je (?:bent nu|moet)|u moet'

const RULES =
  'instruction|prompt|rule|guideline|direction|command|above|previous|prior|earlier|preceding|system|safety|policy|policies|restriction|anweisung|regel|vorgabe|vorherig|bisherig|consigne|precedent|regle|instrucci|instruco|regla|anterior|istruzion|regol|precedent|instructie|vorige|eerdere|regra'
const FORGETTING =
  'ignor(?:e|es|ed|ing|iere|ieren|ez|er|a|ar|are)|disregard(?:s|ed|ing)?|forget(?:s|ting)?|overrid(?:e|es|ing)|bypass(?:es|ing)?|supersedes?|vergiss|vergessen|missachte|oublie[zr]?|olvida|olvide|dimentica|esquece|esqueca|desconsidere|descarta|negeer|vergeet|skip'

const after =
  '(?:please |kindly |always |never |now |then |also |and |so |but |important: ?|note: ?|attention: ?|bitte |por favor |s.il vous plait,? |per favore |alsjeblieft )?'

const PATTERNS: readonly [SteeringKind, RegExp][] = [
  [
    'role',
    /^[\s"'*_>#-]*(?:system|assistant|user|human|developer|tool|function|admin|administrator|root|operator|important|attention|ai|bot|model|instructions?|new instructions?|prompt|anweisung|systeme|sistema|instrucciones|istruzioni|instructies|utilisateur|benutzer)(?: (?:message|prompt|note|notice|override|update|instructions?|role|mode|says))?\s*(?:[:=\]|]|\n)/iu,
  ],
  [
    'role',
    /\b(?:end of|begin|end|start of) (?:profile|user|context|data|document|instructions?|system|conversation)\b/iu,
  ],
  [
    'role',
    /\b(?:im_start|im_end|endoftext|eot_id|start_header_id|end_header_id|start_of_turn|end_of_turn|begin_of_text)\b/iu,
  ],
  ['override', new RegExp(`\\b(?:${FORGETTING})\\b[^.!?\\n]{0,60}(?:${RULES})`, 'iu')],
  [
    'override',
    /(?:忽略|无视|忽視|無視|忘记|忘記)|(?:игнорируй|забудь|не обращай)|(?:تجاهل|انس)|(?:무시)|(?:अनदेखा|भूल जा)|(?:önceki talimat|yoksay)|(?:zignoruj|zapomnij)|(?:bỏ qua)|(?:abaikan)/iu,
  ],
  [
    'override',
    /(?:系统|系統|指令|提示词|助手|システム|指示)|(?:систем\p{L}{0,4}|инструкци\p{L}{0,3}|ассистент\p{L}{0,3})|(?:تعليمات|النظام)|(?:시스템|지시)|(?:निर्देश|सिस्टम)/iu,
  ],
  [
    'assistant',
    /\b(?:assistants?|chat ?bots?|(?:large )?language models?|llms?|ais?|gpt-?\d?|chatgpt|claude|gemini|the model|the reader of this|whoever reads this|anyone reading) (?:must|should|shall|will|has to|needs to|is (?:to|now|allowed|required|instructed)|are (?:to|now|required)|always|never|can|may|responds?|repl(?:y|ies)|answers?|says|ignores?)\b/iu,
  ],
  [
    'assistant',
    /\b(?:as an? (?:ai|assistant|language model)|system prompts?|developer mode|god mode|debug mode|jailbreak\p{L}*|dan mode|do anything now|prompt injection|these instructions|this instruction|new instructions?|above instructions|instructions above|hidden instructions?|unrestricted mode|safety (?:filters?|rules|guidelines))\b/iu,
  ],
  [
    'assistant',
    /\b(?:every|each|any|the|your) (?:summary|profile|answer|reply|response|message) (?:must|should|shall|has to|needs to|always|names?|contains?|includes?|ends?|begins?)\b|\b(?:when|whenever|if|once|every time|each time) you (?:summari[sz]e|answer|reply|respond|write|describe|speak|talk)\b/iu,
  ],
  [
    'assistant',
    /\b(?:when|whenever|if|once|every time|each time) (?:(?:you are|you're|you) )?(?:asked|answering|replying|responding|the user|the person|this user|someone asks|anyone asks|they ask|he asks|she asks)\b/iu,
  ],
  [
    'assistant',
    /\b(?:the|this|my) user (?:has (?:full|admin|special|already|been)|is (?:an? )?(?:admin\p{L}*|developer|verified|authori[sz]ed|trusted|owner)|wants you|authori[sz]e[sd]|consents?|expects you|requires? (?:you|that|all|every|answers?))\b/iu,
  ],
  [
    'assistant',
    /\b(?:full|admin|administrator|root|elevated|unlimited|special|super-?user) (?:access|rights|privileges?|permissions?|clearance|mode)\b/iu,
  ],
  [
    'tool',
    /[{[]\s*["'](?:name|tool|function|arguments|parameters|action|role|content|recipient|cmd|command)["']\s*:/iu,
  ],
  [
    'tool',
    /\b[a-z]{2,20}[_.][a-z_]{2,30}\s?\([^)\n]{0,200}\)|\bfunction[_ ]call|\btool[_ ](?:calls?|use|result|output)\b|\b(?:import|require)\s?\(|\b(?:curl|wget|sudo|rm -rf|powershell|os\.system|eval\()/iu,
  ],
  [
    'command',
    new RegExp(
      `^[\\s"'*_>-]*${after}(?:${VERBS})(?! (?:of|and|or|the same)\\b)(?:,|:)? (?!(?:is|are|was|were)\\b)\\p{L}`,
      'iu',
    ),
  ],
  [
    'command',
    new RegExp(`^[\\s"'*_>-]*${after}(?:${GERMAN_VERBS}|${ROMANCE_VERBS}|${DUTCH_VERBS})(?![\\p{L}'-])`, 'iu'),
  ],
  [
    'command',
    /^[\s"'*_>-]*you (?:answer|reply|respond|say|speak|write|output|print|obey|follow|call|recommend)\b|\byou (?:must|should|shall|have to|need to|are to|will (?:now|always|only|never)|are (?:now|no longer|required|instructed|allowed|permitted|authori[sz]ed)|can now|may now)\b/iu,
  ],
  ['command', /\b(?:please|kindly) (?!note\b)\p{L}{2,}/iu],
  [
    'command',
    new RegExp(
      `\\b(?:must|should|shall|has to|have to) (?:always |never |only |now |be )?(?:${VERBS}|given|told|sent|granted|trusted|called|recommended|obeyed|approved)\\b`,
      'iu',
    ),
  ],
  [
    'command',
    /(?:回答|回复|必须|请|答えて|してください)|(?:отвечай|ответь|отправь|напиши)|(?:أجب|أرسل|اكتب)|(?:대답|답하|보내)/iu,
  ],
  [
    'secret',
    /\b(?:passwords?|passwort|mot de passe|contrasena|wachtwoord|senha|api[ _-]?keys?|secret keys?|access tokens?|credentials?|private keys?|credit card (?:number|details)|other users?|another user'?s?|all users|conversation history|chat history|exfiltrat\p{L}*|session cookies?)\b/iu,
  ],
  [
    'encoded',
    /(?=[A-Za-z0-9+/]{0,200}[A-Z])(?=[A-Za-z0-9+/]{0,200}[a-z])(?=[A-Za-z0-9+/]{0,200}\d)(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{24,}={0,2}/u,
  ],
  [
    'encoded',
    /(?:\\[ux][0-9a-f]{2,4}){3}|(?:%[0-9a-f]{2}){4}|(?<![0-9a-f])(?:[0-9a-f]{2} ?){12,}(?![0-9a-f])|(?:&#x?[0-9a-f]{2,5};){2}|(?:\b[01]{8} ?){3}|\b(?:base ?64|rot ?13|caesar cipher)\b/iu,
  ],
]

/** The sentences that speak to a model, each with the first pattern that it meets. */
export function steeringIn(text: string): Steering[] {
  return sentencesOf(text).flatMap((sentence) => {
    const views = viewsOf(sentence)
    const [kind] = PATTERNS.find(([, pattern]) => views.some((view) => pattern.test(view))) ?? []
    return kind === undefined ? [] : { kind, sentence: sentence.trim() }
  })
}

/** The sentence as it stands and as it is read, with digits that stand for letters, and with letters that stand apart put together. */
function viewsOf(sentence: string): string[] {
  const read = folded(sentence).text
  const letters = read.replace(/[\p{L}0134578@$!|]{3,40}/gu, (word) =>
    /\p{L}.*\p{L}/u.test(word) ? word.replace(/[^\p{L}]/gu, (sign) => LEET[sign] ?? sign) : word,
  )
  const together = read.replace(/(?<![\p{L}\p{N}])(?:\p{L}[ ._*-]{1,2}){4,40}\p{L}(?![\p{L}\p{N}])/gu, (run) =>
    run.replace(/[ ._*-]/g, ''),
  )
  return [...new Set([sentence, read, letters, together])]
}

const LEET: Record<string, string> = {
  0: 'o',
  1: 'i',
  3: 'e',
  4: 'a',
  5: 's',
  7: 't',
  8: 'b',
  '@': 'a',
  $: 's',
  '!': 'i',
  '|': 'l',
}
