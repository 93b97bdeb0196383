// Words in English (the key itself) and Spanish, and the reader's choices.
import {signal} from '@preact/signals';

const SPANISH: Record<string, string> = {
  '1 h': '1 h', '5 min': '5 min', 'About': 'Qué es', 'Across': 'Eje horizontal', 'Actions': 'Acciones', 'Answer': 'Respuesta',
  'Answers': 'Respuestas', 'API': 'API', 'Ask': 'Preguntar', 'Assertions from': 'Aserciones de', 'Attempts': 'Intentos',
  'Attribute filter': 'Filtro de atributos', 'Attributes': 'Atributos', 'Backlog': 'Pendientes', 'Balance': 'Balance',
  'Balanced: nothing is lost.': 'Cuadra: no se pierde nada.', 'Behind': 'Retraso', 'Cancel': 'Cancelar', 'Cancelled.': 'Cancelada.',
  'Chart': 'Gráfico', 'Choose a function to see its outcomes and dead letters.': 'Elija una función para ver sus resultados y sus mensajes fallidos.',
  'Choose a topic to look at its messages, publish one or move a subscription.': 'Elija un tema para mirar sus mensajes, publicar uno o mover una suscripción.',
  'Clustering': 'Agrupación', 'Column': 'Columna', 'Columns': 'Columnas', 'Commit p99': 'Confirmación p99', 'Configuration': 'Configuración',
  'Contains': 'Contiene', 'Cores': 'Núcleos', 'Count now': 'Contar ahora', 'Counting…': 'Contando…',
  'Counts the journal, the table and the counters independently: every published message has one outcome.':
    'Cuenta por separado el diario, la tabla y los contadores: cada mensaje publicado tiene un resultado.',
  'Data': 'Datos', 'Data directory': 'Directorio de datos', 'Datasets': 'Conjuntos de datos', 'Dead letters': 'Mensajes fallidos',
  'Decision': 'Decisión', 'Delete': 'Borrar', 'Done.': 'Hecho.', 'Dropped': 'Descartados', 'Endpoint': 'Punto de acceso',
  'Endpoints': 'Puntos de acceso', 'Errors': 'Errores', 'Export CSV': 'Exportar CSV', 'Failed': 'Fallidos', 'File': 'Archivo',
  'Filter': 'Filtro', 'Follow': 'Seguir', 'Follow a message': 'Seguir un mensaje', 'Forget': 'Olvidar', 'Free disk': 'Disco libre',
  'Function': 'Función', 'Functions': 'Funciones', 'Groups': 'Grupos', 'Identity': 'Identidad',
  'Identity is off: the specification has no access:, so every door stays on loopback and whoever uses this machine may do everything.':
    'La identidad está desactivada: la especificación no tiene access:, así que todas las puertas quedan en la propia máquina y quien la usa puede hacerlo todo.',
  'Journal': 'Diario', 'Journal sync': 'Sincronización del diario', 'Kind': 'Clase', 
  'Latency': 'Latencia', 'Leased': 'Entregados', 'Leave': 'Salir', 'Light or dark': 'Claro u oscuro', 'Limits': 'Límites', 'Loading…': 'Cargando…',
  'Log': 'Registro', 'Look': 'Mirar', 'Members': 'Miembros', 'Memory': 'Memoria', 'Message': 'Mensaje', 'Message id': 'Id del mensaje',
  'Messages': 'Mensajes',
  'Messages are stored by column name; a transform can be tried all the same.': 'Los mensajes se guardan por nombre de columna; aun así se puede probar una transformación.',
  'Messages before that moment count as acknowledged, later ones are delivered again.':
    'Los mensajes anteriores a ese momento cuentan como confirmados; los posteriores se entregan de nuevo.',
  'Name': 'Nombre', 'Newer': 'Más nuevos', 'No column of numbers to draw.': 'No hay columna de números que dibujar.',
  'No dead letter waits.': 'No espera ningún mensaje fallido.', 'No function reads this topic.': 'Ninguna función lee este tema.',
  'No line.': 'Ninguna línea.', 'No retained message here.': 'No hay mensajes retenidos aquí.',
  'No subscription; the functions read the topic by themselves.': 'Sin suscripciones; las funciones leen el tema por sí mismas.',
  'No topic of that name.': 'Ningún tema con ese nombre.', 'None of them is consumed by looking.': 'Mirar no consume ninguno.',
  'None took half a second or more.': 'Ninguna tardó medio segundo o más.', 'None yet.': 'Ninguna todavía.', 'Not allowed': 'No permitido',
  'Not balanced: some messages have no outcome or two.': 'No cuadra: hay mensajes sin resultado o con dos.', 'Nothing is stored.': 'No se guarda nada.',
  'Nothing: every part keeps up and nothing failed.': 'Nada: todas las partes van al día y nada ha fallado.', 'Older': 'Más antiguos',
  'Oldest': 'El más antiguo', 'Open files': 'Archivos abiertos', 'Or to a snapshot': 'O a una instantánea', 'Ordering key': 'Clave de orden',
  'Outcomes': 'Resultados', 'Partition': 'Partición', 'Partitions': 'Particiones', 'Parts': 'Partes', 'Pending': 'Pendientes',
  'People sign in at': 'Las personas entran por', 'Pipeline': 'Flujo', 'Publish': 'Publicar', 'Published': 'Publicados',
  'Published as': 'Publicado como', 'Published ever': 'Publicados en total', 'Rate': 'Ritmo', 'Recent decisions': 'Decisiones recientes',
  'Requests': 'Peticiones', 'Result': 'Resultado', 'Retained': 'Retenidos', 'Retry': 'Reintentar', 'Retry these': 'Reintentar estos',
  'Retry with this data': 'Reintentar con estos datos', 'Roles': 'Papeles', 'Rows': 'Filas', 'Run': 'Ejecutar', 'Running…': 'En curso…',
  'Save': 'Guardar', 'Save as': 'Guardar como', 'Saved': 'Guardadas', 'Schema': 'Esquema', 'Search': 'Buscar', 'Seek': 'Mover',
  'Since (UTC)': 'Desde (UTC)', 'Sign out': 'Cerrar sesión', 'Skip to the content': 'Ir al contenido', 'Slow requests': 'Peticiones lentas', 'Snapshot': 'Instantánea',
  'Snapshot of': 'Instantánea de', 'Snapshots': 'Instantáneas', 'Sources': 'Fuentes', 'Statement': 'Sentencia', 'Status': 'Estado',
  'Stored': 'Guardados', 'Subscription': 'Suscripción', 'Subscriptions': 'Suscripciones', 'System': 'Sistema', 'Table': 'Tabla',
  'Tables': 'Tablas', 'Take snapshot': 'Tomar instantánea', 'That is no time.': 'Eso no es una hora.',
  'The id is in a topic’s messages, in a publisher’s answer and in each row’s _message_id.':
    'El id está en los mensajes de un tema, en la respuesta al publicar y en _message_id de cada fila.',
  'The instance does not answer.': 'La instancia no responde.',
  'The instance does not answer. What is shown is as of its last answer; it is asked again by itself.':
    'La instancia no responde. Lo que se ve es de su última respuesta; se le vuelve a preguntar sin hacer nada.',
  'The message itself is no longer retained.': 'El mensaje ya no se retiene.', 'The rest is left out.': 'El resto se omite.',
  'The specification has no endpoint.': 'La especificación no tiene puntos de acceso.',
  'The specification has no function.': 'La especificación no tiene funciones.',
  'This instance cannot retry dead letters.': 'Esta instancia no puede reintentar mensajes fallidos.',
  'This instance cannot try a transform.': 'Esta instancia no puede probar una transformación.', 'Threads': 'Hilos',
  'This needs the role': 'Hace falta el papel', 'To a moment (UTC)': 'A un momento (UTC)', 'Topic': 'Tema', 'Topics': 'Temas',
  'Trace': 'Traza', 'Transform': 'Transformación', 'Try it': 'Probar', 'Try on retained messages': 'Probar con mensajes retenidos', 'Type': 'Tipo',
  'Up': 'Eje vertical', 'Up for': 'En marcha', 'Warehouse': 'Almacén', 'What': 'Qué', 'What became of it': 'Qué fue de él',
  'What needs you': 'Qué necesita atención', 'When': 'Cuándo', 'Who': 'Quién', 'Who may use the API': 'Quién puede usar la API', 'Why': 'Por qué',
  'a request, message or trace id, for example': 'un id de petición, de mensaje o de traza, por ejemplo', 'bars': 'barras', 'behind by': 'con un retraso de',
  'bytes': 'bytes', 'change it, then retry': 'cámbielos y reintente', 'columns': 'columnas', 'dead letters': 'fallidos', 'detached': 'separada',
  'does not match the filter': 'no pasa el filtro', 'dropped': 'descartados', 'dropped by the transform': 'descartado por la transformación',
  'empty: one is given': 'vacío: se le da uno', 'endpoint': 'punto de acceso', 'errors': 'errores', 'exactly once': 'exactamente una vez',
  'failed': 'fallidos', 'failed again': 'fallaron otra vez', 'Stored now': 'Guardado ahora', 'It would be': 'Quedaría', 'of': 'de',
  'messages would change': 'mensajes cambiarían', 'dead': 'otra vez fallido', 'self_stored': 'guardado por sí mismo', 'forward': 'reenvío', 'free': 'libre', 'function': 'función', 'key=value, one a line': 'clave=valor, uno por línea', 'last': 'último', 'left to the function itself': 'en manos de la propia función',
  'live': 'en vivo', 'message failed and waits': 'mensaje falló y espera', 'messages': 'mensajes',
  'messages failed and wait': 'mensajes fallaron y esperan', 'more topics': 'más temas', 'more were left out': 'hay más, omitidas',
  'no answer': 'sin respuesta', 'no trace of it is left': 'no queda rastro de él', 'nobody took a message for': 'nadie ha tomado un mensaje en',
  'of one core': 'de un núcleo', 'on disk': 'en disco', 'optional': 'opcional', 'ordered': 'en orden', 'pending': 'pendientes', 'pull': 'a petición',
  'push': 'envío', 'requests': 'peticiones', 'reads at most': 'lee como mucho', 'reads no table': 'no lee ninguna tabla', 'required': 'obligatoria', 'resident': 'residente', 'retried': 'reintentado', 'row in': 'fila en',
  'rows': 'filas', 'rows changed': 'filas cambiadas', 'rows/s': 'filas/s', 'saved': 'guardadas', 'source': 'fuente', 'stored': 'guardados',
  'subscription': 'suscripción', 'table': 'tabla', 'text': 'texto', 'topic': 'tema', 'until': 'hasta', 'you are': 'usted es',
};

export type Language = 'en' | 'es';
export type Theme = 'light' | 'dark';

function kept(name: string): string | null {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

export const language = signal<Language>((kept('afluente.language') ?? navigator.language.slice(0, 2)) === 'es' ? 'es' : 'en');
export const theme = signal<Theme>((kept('afluente.theme') ??
  (window.matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light')) as Theme);
document.documentElement.lang = language.value;
document.documentElement.dataset.theme = theme.value;

export function setLanguage(next: Language) {
  document.documentElement.lang = next;
  localStorage.setItem('afluente.language', next);
  language.value = next;
}

export function setTheme(next: Theme) {
  document.documentElement.dataset.theme = next;
  localStorage.setItem('afluente.theme', next);
  theme.value = next;
}

export function t(text: string): string {
  return language.value === 'es' ? SPANISH[text] ?? text : text;
}
