// Words that tell a special category of personal data, in English, German, French, Spanish, Dutch, Portuguese and
// Italian. A `*` stands for the end of a word. Folded: without accents, in lower case. What the list finds and misses is
// measured in docs/safety.md.

/** The special categories of the GDPR (articles 9 and 10) that words can tell. */
export const SENSITIVE_CATEGORIES = [
  'health',
  'sexuality',
  'religion',
  'politics',
  'ethnicity',
  'union',
  'crime',
] as const
export type SensitiveCategory = (typeof SENSITIVE_CATEGORIES)[number]

/** Each entry is one word or phrase; those of a line share a language or a matter. */
export const SENSITIVE_WORDS: Record<SensitiveCategory, readonly string[]> = {
  health: [
    'diabet*|asthma*|cancer|tumou?r*|chemo*|leukaemi*|leukemi*|melanom*|epilep*|parkinson*|alzheimer*|dementia|multiple sclerosis|arthrit*|migraine*|hepatit*|hiv|aids|covid positive|lupus|crohn*|coeliac|celiac|endometrio*|fibromyalgi*|psoria*|eczema|autis*|adhd|dyslexi*|schizophren*|bipolar|anorexi*|bulimi*|ptsd|ocd|insomni*|burnout',
    'depress(?:ion|ive|ed)|anxiety|panic attack*|suicid*|self-harm*|addict(?:ion|ed)?|alcoholi*|sober|sobriety|rehab|overdos*|eating disorder*|mental (?:health|illness)|pregnan*|miscarriage*|abortion*|infertil*|ivf|menopaus*|diagnos(?:is|ed)|symptom*|chronic (?:pain|illness|fatigue)|disabilit*|disabled|wheelchair|hearing loss|deaf|blindness|transplant*|dialysis|pacemaker|stroke|heart (?:attack|disease|failure|condition)|blood pressure|cholesterol|surgery|hospital*|therapist|psychotherap*|psychiatr*|antidepress*|insulin|prozac|ritalin|medication*|prescription*|overweight|obes(?:e|ity)',
    'krebs|krebserkrankung|chemotherapie|asthmatiker*|depressionen|depressiv*|angststorung*|magersucht*|sucht|alkoholiker*|trocken seit|schwanger*|fehlgeburt*|abtreibung*|behinder(?:ung|t|te)|rollstuhl|schwerhorig*|erkrank*|krankheit*|diagnose*|krankenhaus*|psychotherapeut*|herzinfarkt*|schlaganfall*|bluthochdruck|medikament*|ubergewicht*',
    'cancer du|diabetique*|asthmatique*|depressi(?:f|ve)|anxiete|suicidaire*|alcoolique*|enceinte|fausse couche|avortement|handicap(?:e|ee)?|fauteuil roulant|maladie*|malade|hopital|diagnosti*|infarctus|traitement medical|sous traitement|medicament*|obesite|sourde?',
    'diabetic[oa]|asmatic[oa]|cancer de|depresion|ansiedad|suicida|alcoholic[oa]|embarazada|aborto|discapacidad|discapacitad[oa]|silla de ruedas|enfermedad*|enferm[oa]|hospitaliza*|diagnostic*|infarto|medicacion|medicamento*|sobrepeso|sord[oa]',
    'kanker|suikerziekte|depressief|angststoornis|verslaafd|verslaving|alcoholist*|zwanger|miskraam|abortus|gehandicapt|rolstoel|ziekte|ziekenhuis|hartaanval|beroerte|medicijn*|overgewicht|doof',
    'cancro|depressao|ansiedade|alcoolatra*|gravida|deficiencia|cadeira de rodas|doenca*|doente|remedio*|enfarte|surd[oa]|vih positiv[oa]',
    'tumore|depressione|depress[oa]|ansia|alcolist[ae]|incinta|disabilita|disabile|sedia a rotelle|malattia|malat[oa]|ospedale|farmac[io]|diabetic[ao]|sord[oa]',
    'blood (?:sugar|test*)|glucose|kidney*|liver disease|lung disease|organ donor|aa meetings|alcoholics anonymous|narcotics anonymous|zoloft|xanax|lexapro|valium|adderall|ozempic|statins|inhaler|(?:sees|seeing|saw) (?:a|her|his|the) (?:doctor|specialist|counsell?or)|(?:in|goes to|started) therapy|counsell?ing|trouble sleeping|cannot sleep|sleep apn*|paraly[sz]*|amput*|prosthe*|(?:is|went|going) blind|allerg*|intoleran*|trying (?:for a baby|to conceive)|fertility|breastfeed*|postpartum|hormone (?:therapy|treatment)|pneumonia|tuberculosis|long covid|(?:is|was|fell|seriously|terminally|chronically) (?:ill|sick|unwell)|sick leave|illness*|thyroid|gout|ulcer*|ibs|irritable bowel|back pain|scoliosis|osteopor*|tinnitus|glaucoma|cataracts?|sciatica|concussion|rheumat*|sclerosis|tourette*|trauma|nervous breakdown|hearing aids?|medicine for|side effects',
    'essstorung*|therapie|gelahmt|querschnitt*|epilepsie|migrane|allergi*|unvertraglich*|herzkrank*|herzschrittmacher|psychiater*|operiert|blind|gehorlos*|taub|pflegegrad|rheuma*|arthrose|bandscheibe*|rollstuhlfahrer*|drogen*|entzug*|kinderwunsch*|wechseljahre|krank|kranke[mnrs]?|autist*|hiv-positiv',
    'traitement contre|schizophren*|epileps*|asthme|diabete|depression|aveugle|malvoyant*|paralys*|operee?|psychiatre|therapie|sida|seropositi*|boulimi*|drogue*|sevrage|grossesse|menopause|insuffisance (?:renale|cardiaque)',
    'padece|sufre de|soffre di|sofre de|esquizofrenia|schizofreni*|epilepsia|epilessia|asma|migrana*|emicrania|enxaqueca*|cieg[oa]|ciec[oa]|ceg[oa]|paraliti[a-z]*|paralizz*|psiquiatra|psichiatra|terapia|sida|vih|adict[oa]|adiccion*|droga*|dipendenza|viciad[oa]|fertilidad|menopausia|tdah|alergi*|alergic[oa]|diabete|diabetes|chirurgia|cirugia|cirurgia',
    'astma|verlamd|slechthorend*|geopereerd|psychiater|dementie|reuma|drugs|afgekickt|kinderwens|ziek|lijdt aan|dwangstoornis',
  ],
  sexuality: [
    'gay|lesbian*|bisexual*|homosexual*|heterosexual*|transgender*|transsexual*|trans (?:man|woman|person)|queer|lgbt*|non-?binary|asexual*|pansexual*|polyamor*|coming out|came out as|sexual orientation|sex life|erotic*|porn*|fetish*|bdsm|kink*|swinger*|escort*|viagra|contracepti*|grindr',
    'schwul*|lesbisch*|bisexuell*|homosexuell*|transsexuell*|sexualleben|erotik*|gleichgeschlechtlich*',
    'lesbienne*|homosexuel*|bisexuel*|transgenre*|vie sexuelle|erotique*',
    'lesbiana*|homosexual*|bisexual*|transexual*|vida sexual|erotic[oa]s?|homo(?:seksueel|seksuele)|biseksueel|lesbica|omosessual*|bisessual*|transessual*|vita sessuale|lesbica*|travesti*',
    'pride (?:march|parade|month|flag)|at pride|his (?:husband|boyfriend)|her (?:wife|girlfriend)|drag queen*|transition(?:ed|ing)|gender (?:identity|dysphoria)|sexual*|sexuality|one-night stand*|hook-?ups?|tinder|intersex|genderfluid|same-sex|sex toys|sexting|celiba*|virginity|extramarital|open (?:marriage|relationship)',
    'seinem (?:mann|ehemann)|ihrer (?:frau|ehefrau)|offen schwul|intersex*|christopher street day|swingerclub*|fetisch*|zijn (?:man|echtgenoot)|haar (?:vrouw|echtgenote)|homo|orgullo gay|marche des fiertes|gay pride|bisex',
  ],
  religion: [
    'christian*|catholic*|protestant*|orthodox (?:church|jew*|christian*)|evangelical*|baptist*|methodist*|lutheran*|mormon*|jehovah*|muslim*|islam*|sunni|shia|jew|jewish|judaism|hindu*|buddhis*|sikh*|atheis*|agnostic*|pagan*|wicca*|scientolog*|quran|koran|bible|torah|talmud|gospel (?:choir|church)|church|mosque|synagogue|temple (?:service|worship)|priest|imam|rabbi|pastor|pray*|worship*|baptis*|communion|confession|sabbath|shabbat|ramadan|lent|kosher|halal|pilgrimage*|hajj|faith|devout|religious|religion|god',
    'christ|christin|christlich*|katholi*|evangelisch*|protestantisch*|muslim*|islamisch*|jude|judin|judisch*|hinduist*|buddhist*|atheist*|konfession*|kirche|kirchen*|moschee|synagoge|gebet*|betet|beten|glaubig*|religios*|bibel|koran|taufe|gottesdienst*',
    'chretien*|catholique*|protestant*|musulman*|juif|juive|bouddhiste*|athee|eglise|mosquee|priere*|prie|croyant*|religieu(?:x|se)|bible|coran|messe|ramadan|careme',
    'cristian[oa]s?|catolic[oa]s?|evangelic[oa]s?|musulman[oae]*|judi[oa]|budista*|ate[oa]|iglesia|mezquita|sinagoga|reza|rezar|oracion*|creyente*|religios[oa]|biblia|coran|misa',
    'christelijk*|katholiek*|protestants*|gereformeerd*|moslim*|joods*|boeddhist*|atheist*|kerk|moskee|bidt|bidden|gelovig*|bijbel|mis',
    'crist(?:ao|a)|muculman[oa]|judai[cs]*|umbanda|candomble|igreja|mesquita|rezar|ora todos|crente*|missa|cattolic[oa]|cristian[oa]|musulman[oa]|ebre[oa]|chiesa|moschea|prega|preghiera|credente|messa|bibbia',
    'juda[iy]*sm*|jesus|allah|mecca|rosary|rosario|rosaire|rosenkranz|buddha|(?:bar|bat) mitzvah|sunday school|seminary|missionar*|born again|holy spirit|scripture*|psalms?|catechis*|vicar|deacon|bishop|gurdwara|diwali|yom kippur|passover|eid|hijab|headscar*|zakat|atheism|humanist association|confirmation class|taize|vegan for religious',
    'judentum|fastet|konfirm*|kommunion|ministrant*|pfarr*|islam|catechisme|bapteme|communion|jeune pendant|culto|parroqui*|parrocchi*|paroquia*|rosenkrans|dominee|doop|vasten|bautiz*|batiz*|battez*|pastor[ae]?|evangelica',
  ],
  politics: [
    'democrat*|republican*|(?:is a|are|a staunch) conservatives?|votes? (?:labour|green|tory|left|right)|labour (?:party|voter|member)|tory|tories|liberal (?:party|voter|democrat*)|socialis*|communis*|marxis*|anarchis*|fascis*|nazi*|libertarian*|far[- ](?:right|left)|right-wing|left-wing|green party|maga|trump*|biden*|brexit*|remainer*|votes? (?:for|against)|voted|voter*|voting|campaign(?:s|ed)? for|party member*|political (?:party|views|opinion*|activis*|belief*)|activis*|protest(?:s|er|ers|ed)?|rally for|abortion rights|pro-?life|pro-?choice|gun (?:control|rights)|feminis*|politics',
    'cdu|csu|spd|fdp|afd|die linke|die grunen|grunenwahler*|wahler*|parteimitglied*|mitglied der partei|sozialdemokrat*|konservativ*|linksextrem*|rechtsextrem*|kommunist*|sozialist*|demonstriert|demonstrationen|politisch (?:aktiv|engagiert)',
    'vote (?:a|pour|contre|socialiste)|electeur*|electrice*|parti (?:socialiste|communiste)|militant*|rassemblement national|macroniste*|insoumis*|extreme (?:droite|gauche)|de gauche|de droite|manifeste contre|manifestation*|gilet* jaune*|syndicaliste politique',
    'vota (?:a|por|al|en|no|pelo|per|il)|votante*|eleitor*|elettore|psoe|partido (?:popular|socialista|comunista|dos trabalhadores)|podemos|de (?:izquierdas?|derechas?)|bolsonarista*|petista*|de esquerda|de direita|pvv|vvd|groenlinks|stemt (?:op|voor|tegen)|partijlid|links-?radicaal|lega nord|fratelli d.italia|di sinistra|di destra|comunista*|socialista*|fascist*',
    '(?:stood|ran|running) (?:for|as)|candidate for|councill?or*|canvass*|donat(?:es|ed|ing) to|sanders|obama|clinton|thatcher*|corbyn*|farage|le pen|macron|melenchon|merkel|wagenknecht|lula|bolsonaro|meloni|salvini|berlusconi|wilders|putin|erdogan|netanyahu|zionis*|hamas|petition(?:s|ed)? (?:for|against)|march(?:es|ed) (?:for|against)|rall(?:y|ies) against|black lives matter|extinction rebellion|fridays for future|antifa|anti-?vax*|border wall|hates (?:immigrants|muslims|jews|gays)|nra|monarchist*|royalist*|left-leaning|right-leaning|populis*|nationalis*|patriot*|pacifis*|anti-capitalis*|minister|election campaign*|local elections',
    'kandid* (?:der|fur|bei)|der linken|pegida|querdenker*|stadtrat|gemeinderat|ortsverein|parteitag|wahlkampf|soutient (?:la gauche|la droite)|candidate? (?:a|aux|de)|conseill(?:er|ere) municipal*|campagne electorale|manifestacion*|manifestac*|manifestazion*|concejal*|candidat[oa] (?:a|al|del|do|da|per)|militante|independentista*|vox|raadslid|gemeenteraad|pvda|cda|d66|forum voor democratie|demonstreert|verkiezing*|vereador*|eleic*|consigliere comunale|elezion*',
  ],
  ethnicity: [
    'african american*|black (?:woman|man|person|people|family|community)|white (?:woman|man|person|people|supremac*)|hispanic*|(?:is|as|are|young|proud) (?:an? )?latin[oax]s?|asian american*|of (?:asian|african|arab|turkish|polish|indian|chinese|mexican|jewish|irish|italian|german|russian|ukrainian|syrian|pakistani|nigerian|moroccan) (?:descent|origin|heritage|background|ancestry)|native american*|indigenous|aborigin*|roma (?:family|people|origin)|gypsy|gypsies|mixed[- ]race|biracial|ethnic*|immigrant*|migrant*|refugee*|asylum|undocumented|skin colou?r|born in (?:turkey|syria|mexico|india|china|poland|nigeria|morocco|pakistan|iran|iraq|afghanistan|ukraine|russia)',
    'turkischer herkunft|turkischstammig*|migrationshintergrund|gefluchtet*|fluchtling*|einwander*|herkunft|schwarze[rn]? (?:frau|mann|mensch)|sinti|roma-familie|hautfarbe|ethnisch*',
    'd.origine|issu de l.immigration|immigre*|refugie*|maghrebin*|d.ascendance|couleur de peau|afrodescend*|gitan[oa]s?|inmigrante*|refugiad[oa]s?|de origen|de origem|de raza|imigrante*|negr[oa] e|mulher negra|homem negro|van (?:turkse|marokkaanse|surinaamse|indische) (?:afkomst|komaf)|afkomst|vluchteling*|allochtoon|di origine|immigrat[oa]|rifugiat[oa]|etnia|etnisch*|etnic[oa]',
    '(?:grand)?parents (?:are |came |come |were born )?(?:from|in)|family (?:is|comes|came|fled) from|mother tongue|speaks (?:arabic|turkish|polish|yoruba|urdu|hindi|somali|romani|kurdish|farsi|tagalog|chinese|korean|russian|spanish) (?:at home|with)|roots in|ancestr*|descended from|diaspora|afro-\\p{L}{1,20}|(?:people|person|woman|man) of colou?r|racis[mt]|(?:first|second)-generation|green card|deport*|(?:his|her|their) heritage',
    'wurzeln in|eltern (?:kommen|stammen) aus|abstammung|parents viennent|racisme|racismo|razzismo|raices|padres son de|ouders komen uit|pais sao de|genitori (?:sono|vengono) d[ai]',
  ],
  union: [
    'trade union*|labou?r union*|union (?:member*|rep|representative*|steward|dues|organi[sz]er|activist)|shop steward*|member of (?:a|the|his|her|their) union|teamster*|afl-cio|unison member|joined (?:a|the) union|unioni[sz]*|works council|picket line*|on strike|strike committee',
    'gewerkschaft*|betriebsrat*|verdi-mitglied*|ig metall|ig-metall|streikt|streikposten|syndiqu*|syndicat|cgt|cfdt|delegue* syndical*|en greve|sindica*|comisiones obreras|ugt|afiliad[oa] al sindicato|en huelga|vakbond*|fnv|ondernemingsraad|staakt|em greve|cgtp|filiad[oa] ao sindicato|cgil|cisl|in sciopero|iscritt[oa] al sindacato',
    'wage talks|collective bargaining|unison|seiu|uaw|strikes? with|went on strike|organi[sz]es? (?:workers|colleagues|nurses|teachers)|(?:a|her|his|the) union',
    'tarifverhandlung*|warnstreik*|dgb|greve|delegue du personnel|convenio colectivo|delegad[oa] sindical|cao-onderhandeling*|huelga|sciopero|staking',
  ],
  crime: [
    'convict*|criminal record|felon*|misdemeanou?r*|prison*|jail*|parole|probation|arrest*|sentenced|ex-con*|inmate*|incarcerat*|charged with|found guilty|drunk driving|dui|restraining order|shoplift*|drug (?:dealer|dealing|possession|offen[cs]e)|sex offender',
    'vorbestraft*|vorstrafe*|verurteilt*|gefangnis*|haftstrafe*|inhaftiert*|festgenommen|auf bewahrung|knast|condamn(?:e|ee|ation)|casier judiciaire|prison|incarcer*|arrete par la police|antecedentes penales|condenad[oa]|carcel|preso|presa|detenid[oa] por|veroordeeld*|strafblad|gevangen*|gearresteerd|antecedentes criminais|cadeia|condannat[oa]|precedenti penali|carcere|arrestat[oa]',
    'did time|doing time|served (?:time|a sentence|(?:two|three|four|five|\\d+) years)|behind bars|deal(?:s|ing) drugs|sold drugs|on (?:trial|bail)|police record|juvenile detention|community service|house arrest|embezzl*|ankle (?:tag|monitor)|pickpocket*',
    'haft|straftat*|bewahrungsstrafe|freiheitsstrafe|garde a vue|sursis|detenu*|condena|libertad condicional|prision|celstraf|taakstraf|vastgezeten|prisao|liberdade condicional|condann*|prigione|arresti domiciliari|bracelet electronique',
  ],
}

/** Uses of such words that tell nothing about a person. */
export const HARMLESS_USES: readonly string[] = [
  'losing my religion|crime and punishment|political (?:thriller*|satire*|drama*|science|philosophy|history|cartoon*|map*)|tropical depression*|(?:great )?depression[- ]era|great depression|religiously|gay paree|crime (?:fiction|novel*|drama*|series|thriller*|scene*|story|stories)|prison break|prison drama*|prisoner of|jailbreak*|jail ?house rock|black friday|union jack|european union|soviet union|rugby union|student union|credit union|western union|cancer (?:constellation|zodiac)|tropic of cancer|stroke (?:order|play|technique)|breast ?stroke|back ?stroke|two-stroke|four-stroke|brush ?stroke*|temple of doom|god of war|godfather|oh my god|gospel music|bible of|faith in|faith no more|leap of faith|conservative estimate*|conservative with|party games|convicted in the film|addicted to (?:coffee|chocolate|puzzles|crosswords|running)|diagnostic tool*|cholesterol-free|blind(?:ness)? taste|rehab of|prisoners? dilemma|prison architect|pro-?life cycle|confession of a|confessions of|surgery simulator|hospital (?:drama*|series|soap)|voting system*|political economy|ethnic (?:cuisine|food)|asylum (?:film|season)|church (?:architecture|organ*)|latin (?:dance|music|jazz)|trans ?siberian|priest in black',
]
