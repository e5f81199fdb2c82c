# The lexicon of the reviews, written for this course (CC-BY-4.0).
# One line an entry: kind | English | Indonesian | Javanese. A slash separates synonyms. "*" marks an English plural.
# noun: what is judged.  pos, neg: adjectives.  posv, negv: verb phrases.  A "!" after the kind: in test splits only.

@ anything
pos | good | bagus / baik | apik
pos | great | hebat / keren | hebat
pos | wonderful | luar biasa | ngedab-edabi
pos | nice | asyik | asik
neg | bad | buruk | ala
neg | awful | payah | parah
neg | poor | jelek | elek
neg | disappointing | mengecewakan | nggelani

@ food dish
noun | the fried rice | nasi gorengnya / nasi goreng itu | sega gorenge
noun | the chicken soup | sup ayamnya / sup ayam itu | sup ayame
noun | *the noodles | mi rebusnya / mi itu | bakmine
noun | *the meatballs | baksonya / bakso itu | baksone
noun | the grilled fish | ikan bakarnya / ikan bakar itu | iwak bakare
noun | the beef stew | rendangnya / rendang itu | rendange
noun | *the spring rolls | lumpianya / lumpia itu | lumpiane
noun! | the duck | bebeknya / bebek itu | bebeke
noun! | the omelette | telur dadarnya / telur dadar itu | endhog dadare
pos | delicious | enak / lezat | enak
pos | tender | empuk | empuk
pos | savoury | gurih | gurih
pos | fresh | segar | seger
pos | rich in flavour | kaya rasa / kaya bumbu | sugih bumbu
pos | generous | banyak porsinya / besar porsinya | akeh porsine
pos | well seasoned | pas bumbunya | pas bumbune
pos! | mouth-watering | menggugah selera | marakake ngiler
neg | bland | hambar / tawar | anyep
neg | burnt | gosong / hangus | gosong
neg | oversalted | keasinan | kasinen
neg | greasy | berminyak | kakehan lenga
neg | undercooked | setengah matang / mentah | setengah mateng
neg | tough | alot | alot
neg | stale | basi | wayu
neg! | soggy | lembek | lonyot
posv | tasted like home | rasanya seperti masakan rumah | rasane kaya masakan omah
posv | vanished from our plates in minutes | langsung ludes dari piring kami | langsung entek saka piring
posv | made my grandmother smile | membuat nenek saya tersenyum | gawe mbahku mesem
negv | tasted like cardboard | rasanya seperti kardus | rasane kaya kerdus
negv | went back to the kitchen untouched | kembali ke dapur tanpa disentuh | bali menyang pawon ora disenggol
negv | gave me a stomach ache | membuat perut saya sakit | marakake wetengku lara

@ food drink
noun | the iced tea | es tehnya / es teh itu | es tehe
noun | the coffee | kopinya / kopi itu | kopine
noun | the orange juice | jus jeruknya / jus jeruk itu | jus jeruke
noun | the ginger drink | wedang jahenya / wedang jahe itu | wedang jahene
noun | the avocado shake | jus alpukatnya / jus alpukat itu | jus alpukate
noun! | the coconut water | air kelapanya / air kelapa itu | banyu degane
pos | refreshing | menyegarkan | nyegerake
pos | fragrant | harum / wangi | wangi
pos | smooth | lembut | alus
pos | pleasantly sweet | pas manisnya | pas legine
pos | nicely chilled | pas dinginnya | pas adheme
neg | watery | encer | cuwer
neg | cloying | kemanisan | kelegen
neg | bitter | pahit | pait
neg | lukewarm | suam-suam kuku | anget-anget kuku
neg | sour | asam / masam | kecut
posv | woke me up at once | langsung membuat saya segar | langsung gawe melek
posv | went perfectly with the meal | cocok sekali dengan makanannya | cocog tenan karo panganane
negv | smelled of soap | bau sabun | mambu sabun
negv | came without any taste | datang tanpa rasa | teka tanpa rasa

@ food service
noun | the waiter | pelayannya / pelayan itu | pelayane
noun | the cashier | kasirnya / kasir itu | kasire
noun | *the cooks | para kokinya / koki-kokinya | koki-kokine
noun | the owner | pemiliknya / pemilik warungnya | sing duwe warung
noun | the parking attendant | tukang parkirnya / juru parkirnya | tukang parkire
noun! | the hostess | penerima tamunya | sing nampa tamu
pos | friendly | ramah | grapyak / sumeh
pos | quick | cepat / sigap | cepet / cekatan
pos | patient | sabar | sabar
pos | attentive | perhatian | gati
pos | polite | sopan | sopan
pos! | gracious | luwes | luwes
neg | rude | kasar | kasar
neg | slow | lambat / lelet | alon / lelet
neg | careless | ceroboh | sembrana
neg | grumpy | jutek / judes | judes
neg | forgetful | pelupa | lalinan
neg! | arrogant | sombong | gumedhe
posv | remembered our order by heart | hafal pesanan kami | apal pesenanku
posv | explained every dish with a smile | menjelaskan setiap menu sambil tersenyum | nerangake saben menu karo mesem
negv | ignored us for an hour | mengabaikan kami selama satu jam | ora nggape nganti sak jam
negv | mixed up the bill | salah menghitung tagihan | kleru ngetung tagihan
negv | rolled their eyes at my question | melengos waktu saya bertanya | mlengos pas taktakoni

@ food room
noun | the dining room | ruang makannya / ruang makan itu | ruang mangane
noun | *the huts | saung-saungnya / saungnya | gubug-gubuge
noun | the terrace | terasnya / teras itu | emperane
noun | the toilet | toiletnya / kamar kecilnya | jedhinge
noun | the upstairs room | ruang atasnya / lantai atasnya | ruang ndhuwure
noun! | the garden | tamannya / taman itu | tamane
pos | pleasant | menyenangkan | nyenengake
pos | spotless | bersih / kinclong | resik / kinclong
pos | cosy | nyaman | nyaman / kepenak
pos | charming | cantik / menarik | nengsemake
pos | airy | sejuk | isis
neg | filthy | kotor / jorok | reget / rusuh
neg | sticky | lengket | pliket
neg | noisy | berisik / bising | brebegi
neg | stuffy | pengap | sumuk
neg | smelly | bau | mambu
posv | invited us to stay longer | membuat kami betah | gawe krasan
posv | lifted my mood | memperbaiki suasana hati saya | gawe atiku bungah
negv | gave me a headache | membuat kepala saya pusing | marakake mumet
negv | had not been cleaned for days | sudah berhari-hari tidak dibersihkan | wis pirang-pirang dina ora diresiki

@ hotel room
noun | the bedroom | kamarnya / kamar itu | kamare
noun | the bathroom | kamar mandinya / kamar mandi itu | kamar mandine
noun | the bed | kasurnya / tempat tidurnya | kasure
noun | *the rooms upstairs | kamar-kamar atasnya / kamar atasnya | kamar-kamar ndhuwure
noun | *the cupboards | lemarinya / lemari itu | lemarine
noun | the balcony | balkonnya / balkon itu | balkone
noun! | the mattress topper | alas kasurnya | lemeke kasur
pos | comfortable | nyaman | kepenak / nyaman
pos | clean | bersih | resik
pos | spacious | luas / lega | jembar / omber
pos | sweet-smelling | harum / wangi | wangi
pos | tidy | rapi | rapi / tumata
pos! | luxurious | mewah | mewah
neg | dusty | berdebu | kebak bledug / bledugen
neg | damp | lembap | demek
neg | cramped | sempit | ciut / sumpek
neg | mouldy | berjamur | jamuren
neg | worn out | usang / lusuh | mbladhus
neg | dirty | kotor | reget
neg! | grubby | dekil | kemproh
posv | felt brand new | terasa masih baru | rasane isih anyar
posv | smelled of fresh flowers | harum seperti bunga segar | wangi kaya kembang
negv | smelled of cigarettes | bau rokok | mambu rokok
negv | had cockroaches | banyak kecoaknya | akeh coroe
negv | kept me awake all night | membuat saya tidak bisa tidur semalaman | marakake ora bisa turu sewengi

@ hotel staff
noun | the receptionist | resepsionisnya / resepsionis itu | resepsionise
noun | the cleaning lady | petugas kebersihannya | sing resik-resik
noun | the bellboy | porternya / porter itu | portere
noun | the manager | manajernya / manajer itu | manajere
noun | the night guard | satpam malamnya / penjaga malamnya | satpame
noun! | the concierge | petugas pemandunya | sing mandhu
pos | helpful | suka membantu / sigap membantu | seneng mbiyantu
pos | kind | baik hati / baik | apikan
pos | professional | profesional | profesional
pos | cheerful | ceria | sumringah
pos | honest | jujur | jujur
neg | unfriendly | ketus | mrengut
neg | confused | bingung | bingungan
neg | impatient | grusa-grusu | grusa-grusu
neg | dishonest | curang | culika
neg | lazy | malas | kesed
posv | carried our bags without being asked | membawakan koper kami tanpa diminta | nggawakake koper tanpa dijaluki
posv | solved the problem in a minute | menyelesaikan masalah dalam semenit | ngrampungake masalah sak menit
negv | lost our booking | menghilangkan pesanan kami | ngilangake pesenanku
negv | shouted at a guest | membentak tamu | nyentak tamu
negv | never answered the phone | tidak pernah mengangkat telepon | ora tau ngangkat telpon

@ hotel breakfast
noun | the breakfast | sarapannya / sarapan itu | sarapane
noun | the buffet | prasmanannya / prasmanan itu | prasmanane
noun | the porridge | buburnya / bubur itu | bubure
noun | the bread | rotinya / roti itu | rotine
noun | the fruit | buahnya / buah-buahannya | wohe
noun! | *the pancakes | panekuknya | panekuke
pos | varied | beragam / bervariasi | maneka warna
pos | plentiful | melimpah | turah-turah
pos | tasty | enak / sedap | enak / sedhep
pos | warm | hangat | anget
pos | healthy | sehat | sehat
neg | monotonous | membosankan / itu-itu saja | mboseni
neg | cold | dingin | adhem
neg | dry | kering | garing
neg | skimpy | sedikit | sethithik
neg | tasteless | cemplang | cemplang
posv | kept us full until evening | mengenyangkan sampai sore | gawe wareg nganti sore
posv | was the best part of the stay | jadi bagian terbaik selama menginap | dadi perangan paling apik
negv | ran out by seven | sudah habis jam tujuh | wis entek jam pitu
negv | looked like leftovers | seperti makanan sisa | kaya panganan turahan

@ hotel facilities
noun | the swimming pool | kolam renangnya / kolam renang itu | kolam renange
noun | the wifi | wifinya / wifi itu | wifine
noun | the lift | liftnya / lift itu | lifte
noun | the air conditioner | AC-nya / pendinginnya | AC-ne
noun | the gym | tempat fitnesnya / ruang fitnesnya | panggonan fitnese
noun! | the sauna | saunanya | saunane
pos | modern | modern | modern
pos | reliable | bisa diandalkan / andal | kena diandelake
pos | well kept | terawat | kerumat
pos | impressive | mengesankan | nggumunake
pos | excellent | bagus / istimewa | istimewa
pos! | top-notch | jempolan | jempolan
neg | broken | rusak | rusak
neg | outdated | ketinggalan zaman | kuna
neg | neglected | terbengkalai | kapiran
neg | dangerous | berbahaya | mbebayani
neg | useless | percuma | muspra
neg! | shabby | reyot | reyot
posv | worked without a hitch | berfungsi tanpa kendala | mlaku lancar
posv | kept the children happy for hours | membuat anak-anak senang berjam-jam | gawe bocah-bocah seneng jam-jaman
negv | broke down twice | dua kali mati | mati ping pindho
negv | was closed without notice | ditutup tanpa pemberitahuan | ditutup tanpa kabar
negv | made a terrible noise | mengeluarkan suara mengerikan | swarane nggegirisi

@ app design
noun | the home screen | halaman utamanya / tampilan utamanya | kaca ngarepe
noun | the menu | menunya / menu itu | menune
noun | the search bar | kolom pencariannya | kolom panggolekane
noun | the dark theme | tema gelapnya | tema petenge
noun | *the icons | ikonnya / ikon-ikonnya | ikone
noun! | the widget | widgetnya | widgete
pos | clear | jelas | cetha
pos | elegant | elegan | elegan
pos | easy to use | mudah dipakai / gampang digunakan | gampang dienggo
pos | neat | rapi | rapi
pos | intuitive | mudah dipahami | gampang dingerteni
pos! | polished | apik | mulus
neg | confusing | membingungkan | gawe bingung
neg | cluttered | semrawut / berantakan | semrawut
neg | ugly | jelek | elek
neg | hard to read | sulit dibaca / susah dibaca | angel diwaca
neg | annoying | menyebalkan / mengganggu | njelehi
neg! | clunky | kaku | kaku
posv | helped my mother from the first day | membantu ibu saya sejak hari pertama | mbiyantu ibuku wiwit dina kapisan
posv | saved me many clicks | menghemat banyak waktu saya | ngirit wektuku
negv | drove me crazy | membuat saya gila | gawe edan
negv | hid the button that I needed | menyembunyikan tombol yang saya butuhkan | ndhelikake tombol sing tak butuhake

@ app performance
noun | the app | aplikasinya / aplikasi ini | aplikasine
noun | the new version | versi barunya / versi terbarunya | versi anyare
noun | the update | pembaruannya / pembaruan itu | panganyarane
noun | the video player | pemutar videonya | pamuter videone
noun | the camera | kameranya / kamera itu | kamerane
noun! | the beta | versi betanya | versi betane
pos | fast | cepat / kencang | cepet / banter
pos | stable | stabil | stabil
pos | light | ringan | entheng
pos | responsive | responsif | responsif
pos | smooth as silk | mulus | mulus
neg | sluggish | lemot / lambat | lemot
neg | full of bugs | penuh bug / banyak bug | akeh bug-e
neg | heavy | berat | abot
neg | unstable | goyah / labil | goyah
neg | laggy | patah-patah | mandheg-mandheg
neg! | glitchy | error terus | error terus
posv | ran well even on my old phone | lancar bahkan di ponsel lama saya | lancar sanajan ing HP lawasku
posv | opened in a blink | terbuka dalam sekejap | kabukak sak kedhepan
negv | crashed every five minutes | tertutup sendiri setiap lima menit | nutup dhewe saben limang menit
negv | drained my battery | menguras baterai saya | ngentekake batreku
negv | deleted all my photos | menghapus semua foto saya | mbusak kabeh fotoku

@ app payment
noun | the payment | pembayarannya / proses pembayarannya | pambayarane
noun | the top-up | isi ulangnya / isi saldonya | isi saldone
noun | the refund | pengembalian dananya | baline dhuwit
noun | the login | proses masuknya / loginnya | proses mlebune
noun | the voucher | vouchernya / kuponnya | vouchere
noun! | the cashback | cashbacknya | cashbacke
pos | instant | instan / langsung jadi | langsung dadi
pos | secure | aman | aman
pos | simple | sederhana / simpel | prasaja / gampang
pos | convenient | praktis | praktis
pos | transparent | transparan | transparan
neg | complicated | rumit / ribet | ruwet
neg | unsafe | rawan / riskan | rawan
neg | expensive | mahal | larang
neg | misleading | menyesatkan / menipu | nyasarake
neg | stuck | macet | macet
posv | went through on the first try | berhasil pada percobaan pertama | sepisan nyoba langsung kasil
posv | took only a few seconds | hanya butuh beberapa detik | mung butuh sawetara detik
negv | failed three times in a row | gagal tiga kali berturut-turut | gagal ping telu
negv | took money twice | menarik uang dua kali | narik dhuwit kaping pindho

@ app support
noun | the customer service | layanan pelanggannya / CS-nya | layanan pelanggane
noun | the operator | operatornya / operator itu | operatore
noun | the chat bot | bot obrolannya | bot obrolane
noun | the developer | pengembangnya | sing nggawe aplikasi
noun | the support team | tim dukungannya | tim panyengkuyunge
noun! | the forum | forumnya | forume
pos | responsible | bertanggung jawab | tanggung jawab
pos | competent | kompeten | pinter
pos | understanding | pengertian | ngerten
pos | on the ball | tanggap | tanggap
pos | trustworthy | bisa dipercaya | kena dipercaya
neg | clueless | bodoh / bingung sendiri | bodho
neg | deaf to complaints | tuli terhadap keluhan | budheg marang sambat
neg | irresponsible | lepas tangan | sakepenake dhewe
neg | robotic | seperti robot | kaya robot
neg | evasive | suka mengelak | seneng endha
posv | answered within minutes | menjawab dalam hitungan menit | mangsuli sajroning menit
posv | fixed everything overnight | memperbaiki semuanya dalam semalam | ndandani kabeh sewengi
negv | closed my ticket without reading it | menutup laporan saya tanpa membacanya | nutup laporanku tanpa diwaca
negv | sent me in circles | membuat saya berputar-putar | gawe aku mubeng-mubeng

@ transport vehicle
noun | the bus | busnya / bus itu | bise
noun | the train carriage | gerbongnya / gerbong itu | gerbonge
noun | the ferry | kapal ferinya / feri itu | kapale
noun | *the night buses | bus malamnya / bus-bus malamnya | bis-bis bengine
noun | the taxi | taksinya / taksi itu | taksine
noun | the minibus | angkotnya / minibus itu | angkote
noun! | the tram | tremnya / trem itu | treme
pos | quiet | halus suaranya | alus swarane
pos | roomy | lapang / luas | longgar
pos | new | baru / gres | gres
pos | cool inside | adem di dalam | adhem ing njero
pos | sturdy | kokoh | kukuh
pos! | immaculate | mengilap | gilar-gilar
neg | rickety | bobrok / reot | bobrok
neg | overcrowded | penuh sesak | kebak uyel-uyelan
neg | hot as an oven | panas seperti oven | panas ngenthang-ngenthang
neg | rusty | berkarat / karatan | teyengen
neg | grimy | kumuh | kumuh
neg! | decrepit | ringkih | ringkih
posv | rode like a cloud | jalannya halus seperti awan | mlakune alus kaya mega
posv | let me sleep the whole way | membuat saya tidur sepanjang jalan | gawe turu sak dalan-dalan
negv | broke down on the way | mogok di tengah jalan | mogok ing tengah dalan
negv | leaked when it rained | bocor waktu hujan | bocor pas udan
negv | shook so much that I felt sick | berguncang sampai saya mual | gonjang-ganjing nganti mual

@ transport driver
noun | the driver | sopirnya / pengemudinya | sopire
noun | the conductor | kondekturnya / kenek itu | kondekture
noun | the ticket officer | petugas tiketnya / petugas loketnya | petugas karcise
noun | the pilot | pilotnya / pilot itu | pilote
noun | the rider | pengojeknya / abang ojeknya | tukang ojeke
noun! | the steward | pramugaranya | pramugarane
pos | careful | hati-hati | ati-ati
pos | skilled | terampil / mahir | trampil
pos | punctual | tepat waktu | tepat wektu
pos | calm | tenang | anteng
pos | respectful | santun | andhap asor
pos! | courteous | beradab | apik tata kramane
neg | reckless | ugal-ugalan | ugal-ugalan
neg | sleepy | mengantuk | ngantukan
neg | bad-tempered | pemarah / galak | galak
neg | lost | tersesat / nyasar | kesasar
neg | greedy | serakah | srakah
posv | waited for my grandfather | menunggu kakek saya | ngenteni mbah kakungku
posv | knew every shortcut | hafal semua jalan pintas | apal kabeh dalan trabasan
negv | smoked at the wheel | merokok sambil menyetir | udud karo nyetir
negv | dropped us at the wrong stop | menurunkan kami di halte yang salah | ngedhunake ing halte sing salah
negv | asked for extra money | minta uang tambahan | njaluk tambahan dhuwit

@ transport schedule
noun | the timetable | jadwalnya / jadwal itu | jadwale
noun | the departure | keberangkatannya | budhale
noun | the connection | sambungannya / koneksinya | sambungane
noun | the boarding | proses naiknya | munggahe
noun | the journey | perjalanannya / perjalanan itu | lelungane
noun! | the transfer | transitnya | transite
pos | on time | tepat waktu | tepat wektu
pos | flexible | fleksibel | luwes
pos | orderly | tertib | tertib
pos | short | singkat | ringkes
pos | trouble-free | lancar | lancar
neg | late | terlambat / telat | telat
neg | chaotic | kacau / amburadul | amburadul
neg | endless | berlarut-larut | kesuwen
neg | unpredictable | angin-anginan | angin-anginan
neg | exhausting | melelahkan | gawe kesel
posv | matched the plan to the minute | sesuai rencana sampai ke menitnya | cocog karo rancangan
posv | left us time for coffee | masih menyisakan waktu untuk ngopi | isih nyisakake wektu kanggo ngopi
negv | was cancelled at the last moment | dibatalkan di saat terakhir | dibatalake ing wektu pungkasan
negv | made me miss the wedding | membuat saya ketinggalan acara nikah | marakake ketinggalan mantenan

@ transport fare
noun | the fare | ongkosnya / tarifnya | ongkose
noun | the ticket | tiketnya / tiket itu | karcise
noun | the price | harganya / harga itu | regane
noun | the luggage fee | biaya bagasinya | ragade bagasi
noun | the monthly pass | kartu langganannya | kertu langganane
noun! | the toll | tolnya / biaya tolnya | bayaran tole
pos | cheap | murah | murah
pos | fair | wajar / adil | lumrah / adil
pos | affordable | terjangkau | kejangkau
pos | reasonable | masuk akal | mlebu akal
pos | friendly to a student's wallet | ramah di kantong / ramah di dompet pelajar | ramah ing kanthong
neg | excessive | kemahalan / terlalu mahal | kelarangen
neg | absurd | aneh / ganjil | nganeh-anehi
neg | unfair | berat sebelah / timpang | bot sih
neg | outrageous | keterlaluan | kebangeten
neg | crippling | mencekik / selangit | nyekik
posv | was half of what I paid elsewhere | cuma setengah dari tempat lain | mung separo saka panggonan liya
posv | came with a discount | sudah dapat potongan | wis oleh potongan
negv | doubled overnight | naik dua kali lipat dalam semalam | mundhak tikel loro sewengi
negv | ate half of my wages | menghabiskan setengah gaji saya | ngentekake separo bayaranku
